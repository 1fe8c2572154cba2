// What a sidecar's gatekeeper dies of, loaded into it by row I (LD_PRELOAD): $ZAP_DEATH says how, and it happens once
// the file $ZAP_DEATH_FILE is there. `unbound`: it cannot take its post. `hangs`: its thread stops for ever. `closed`: its
// socket is closed first. `ends`: the thread ends.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  void* socket;
  int descriptor;
  short events, revents;
} Item;

static void* gate;

static int dies(const char* how) {
  const char* death = getenv("ZAP_DEATH");
  return death && strcmp(death, how) == 0;
}

int zmq_bind(void* socket, const char* endpoint) {
  int (*real)(void*, const char*) = (int (*)(void*, const char*))dlsym(RTLD_NEXT, "zmq_bind");
  if (strcmp(endpoint, "inproc://zeromq.zap.01") == 0) {
    gate = socket;
    if (dies("unbound")) {
      errno = EADDRINUSE;
      return -1;
    }
  }
  return real(socket, endpoint);
}

int zmq_poll(Item* items, int count, long timeout) {
  int (*real)(Item*, int, long) = (int (*)(Item*, int, long))dlsym(RTLD_NEXT, "zmq_poll");
  const char* file = getenv("ZAP_DEATH_FILE");
  if (count == 1 && gate && items[0].socket == gate && file && access(file, F_OK) == 0) {
    if (dies("closed")) {
      int (*close_socket)(void*) = (int (*)(void*))dlsym(RTLD_NEXT, "zmq_close");
      close_socket(gate);
    }
    if (dies("ends")) pthread_exit(NULL);
    while (1) pause();
  }
  return real(items, count, timeout);
}
