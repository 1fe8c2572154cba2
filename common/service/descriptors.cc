#include "common/service/descriptors.h"

#include <sys/resource.h>

#include "common/base/result.h"

namespace forebay {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  FOREBAY_INVARIANT(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    FOREBAY_INVARIANT(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  return limit.rlim_cur;
}

}  // namespace forebay
