/*
 * A library for LD_PRELOAD. One call of the program blocks for ever, as on a disk or a name server without a response.
 * HANG_CALL is the name of the call: open, read or getaddrinfo. HANG_PATH is the end of the file's path for open and read.
 * The line "hanging" on stdout announces the blocked call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_wanted(const char *call) {
  const char *wanted = getenv("HANG_CALL");
  return wanted != NULL && strcmp(wanted, call) == 0;
}

static int is_wanted_file(const char *call, const char *path) {
  const char *end = getenv("HANG_PATH");
  if (!is_wanted(call) || end == NULL || strlen(path) < strlen(end)) return 0;
  return strcmp(path + strlen(path) - strlen(end), end) == 0;
}

static void hang(void) {
  static const char line[] = "hanging\n";
  if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) abort();
  for (;;) pause();
}

static int open_file(const char *name, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
  if (is_wanted_file("open", path)) hang();
  return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return open_file("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return open_file("open64", path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t size) {
  ssize_t (*real)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
  if (is_wanted("read")) {
    char link[64];
    char path[PATH_MAX + 1] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, PATH_MAX) > 0 && is_wanted_file("read", path)) hang();
  }
  return real(file, bytes, size);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **results) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
  if (is_wanted("getaddrinfo")) hang();
  return real(node, service, hints, results);
}
