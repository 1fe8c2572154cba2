// A machine whose clock nobody vouches for, whatever this one's is (LD_PRELOAD, by row F).
#include <string.h>
#include <sys/timex.h>

int adjtimex(struct timex* state) {
  memset(state, 0, sizeof *state);
  state->status = STA_UNSYNC;
  return TIME_ERROR;
}
