/* Loaded before the C library (LD_PRELOAD): the file operations on what lies in one folder are traced, and some of them
   fail, are done by half, or are the last that the process did. tests/torture/faulty.py has the same numbers. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation { OPEN, READ, CREATE, WRITE, SYNC, TRUNCATE, RENAME, REMOVE, MKDIR, CLOSE };
enum action { NONE, REFUSE, DO_AND_REFUSE, SHORT, SHORT_THEN_REFUSE, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY };

static char folder[PATH_MAX];
static size_t folder_length;
static int trace = -1;
static unsigned operations;                 /* a bit for each operation that is counted */
static long first, beyond;                  /* which of these the action is for */
static int action, error_number;
static long counted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* From now on, in this process: the operations from number `at` (counted from 0) on, `count` of them. */
void arm(const char *path, int trace_to, unsigned which, long at, long count, int what, int error) {
    snprintf(folder, sizeof folder, "%s", path);
    folder_length = strlen(folder);
    trace = trace_to;
    operations = which;
    first = at;
    beyond = at + count;
    action = what;
    error_number = error;
    counted = 0;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int in_folder(const char *path) {
    return folder_length && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* The absolute path of an open file, or of a path that may be relative to an open folder. */
static void path_of(int file, const char *relative, char *path) {
    if (relative && relative[0] == '/') {
        snprintf(path, PATH_MAX, "%s", relative);
        return;
    }
    char link[64];
    if (file == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    if (relative) {
        size_t used = strlen(path);
        snprintf(path + used, PATH_MAX - used, "/%s", relative);
    }
}

struct record {
    int32_t operation, action, result, error;
    int64_t offset;                         /* of a write; the length to which a file is cut; 1 for a file made empty */
    int32_t path, other, data;              /* bytes of each that follow */
};

static void note(int operation, int did, ssize_t result, int error, off_t offset,
                 const char *path, const char *other, const void *data, size_t length) {
    if (trace < 0) return;
    struct record record = {operation, did, (int32_t)result, error, offset,
                            (int32_t)strlen(path), other ? (int32_t)strlen(other) : 0, (int32_t)length};
    struct iovec parts[] = {{&record, sizeof record}, {(void *)path, (size_t)record.path},
                            {(void *)other, (size_t)record.other}, {(void *)data, length}};
    REAL(writev);
    (void)!real(trace, parts, 4);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to be done with the next operation of this kind. Holds the lock; `end` gives it back. */
static int begin(int operation) {
    pthread_mutex_lock(&lock);
    if (!(operations >> operation & 1)) return NONE;
    long number = counted++;
    int what = number >= first && number < beyond ? action : NONE;
    if (operation != WRITE) {
        if (what == SHORT) what = NONE;
        if (what == SHORT_THEN_REFUSE) what = REFUSE;
        if (what == KILL_HALFWAY) what = KILL_BEFORE;
    } else if (what == SHORT_THEN_REFUSE && number > first) {
        what = REFUSE;
    }
    return what;
}

static ssize_t end(int operation, int what, ssize_t result, off_t offset,
                   const char *path, const char *other, const void *data) {
    int error = result < 0 ? errno : 0;
    size_t written = operation == WRITE && result > 0 ? (size_t)result : 0;
    note(operation, what, result, error, offset, path, other, data, written);
    if (what == KILL_AFTER || what == KILL_HALFWAY) die();
    if (what == DO_AND_REFUSE) {
        result = -1;
        error = error_number;
    }
    pthread_mutex_unlock(&lock);
    if (error) errno = error;
    return result;
}

/* `call` as one operation on `path`, which is refused, done, or both. */
#define OPERATION(operation, path, other, offset, call) do { \
        int what = begin(operation); \
        if (what == KILL_BEFORE) { note(operation, what, -1, 0, offset, path, other, NULL, 0); die(); } \
        if (what == REFUSE) { errno = error_number; return (int)end(operation, what, -1, offset, path, other, NULL); } \
        ssize_t result = call; \
        return (int)end(operation, what, result, offset, path, other, NULL); \
    } while (0)

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

#define OPEN_AT(file, name, flags, call) do { \
        char path[PATH_MAX]; \
        path_of(file, name, path); \
        if (!in_folder(path)) return call; \
        if (((flags) & O_ACCMODE) == O_RDONLY) OPERATION(OPEN, path, NULL, 0, call); \
        OPERATION(CREATE, path, NULL, ((flags) & O_TRUNC) != 0, call); \
    } while (0)

int open(const char *name, int flags, ...) { REAL(open); MODE(flags); OPEN_AT(AT_FDCWD, name, flags, real(name, flags, mode)); }
int open64(const char *name, int flags, ...) { REAL(open64); MODE(flags); OPEN_AT(AT_FDCWD, name, flags, real(name, flags, mode)); }
int openat(int at, const char *name, int flags, ...) { REAL(openat); MODE(flags); OPEN_AT(at, name, flags, real(at, name, flags, mode)); }
int openat64(int at, const char *name, int flags, ...) { REAL(openat64); MODE(flags); OPEN_AT(at, name, flags, real(at, name, flags, mode)); }

ssize_t read(int file, void *buffer, size_t length) {
    REAL(read);
    char path[PATH_MAX];
    if (!folder_length) return real(file, buffer, length);
    path_of(file, NULL, path);
    if (!in_folder(path)) return real(file, buffer, length);
    OPERATION(READ, path, NULL, 0, real(file, buffer, length));
}

static ssize_t (*real_write)(int, const void *, size_t);

/* At `position`, or where the file stands if that is negative. */
static ssize_t write_some(int file, const void *buffer, size_t length, off_t position) {
    if (!real_write) real_write = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    static __typeof__(pwrite) *real_pwrite;
    if (!real_pwrite) real_pwrite = (__typeof__(pwrite) *)dlsym(RTLD_NEXT, "pwrite");
    char path[PATH_MAX] = "";
    if (folder_length && file != trace) path_of(file, NULL, path);
    int ours = in_folder(path);
    int what = ours ? begin(WRITE) : NONE;
    if (what == KILL_BEFORE) { note(WRITE, what, -1, 0, 0, path, NULL, NULL, 0); die(); }
    if (what == REFUSE || (what == SHORT_THEN_REFUSE && length < 2)) {
        errno = error_number;
        return end(WRITE, what, -1, 0, path, NULL, NULL);
    }
    if (what == SHORT || what == SHORT_THEN_REFUSE || what == KILL_HALFWAY) length = (length + 1) / 2;
    ssize_t result = position < 0 ? real_write(file, buffer, length) : real_pwrite(file, buffer, length, position);
    if (!ours) return result;
    int error = errno;
    off_t offset = position < 0 ? lseek(file, 0, SEEK_CUR) - (result > 0 ? result : 0) : position;
    errno = error;
    return end(WRITE, what, result, offset, path, NULL, buffer);
}

ssize_t write(int file, const void *buffer, size_t length) { return write_some(file, buffer, length, -1); }
ssize_t pwrite(int file, const void *buffer, size_t length, off_t position) { return write_some(file, buffer, length, position); }
ssize_t pwrite64(int file, const void *buffer, size_t length, off64_t position) { return write_some(file, buffer, length, position); }

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    char path[PATH_MAX] = "";
    if (folder_length && file != trace) path_of(file, NULL, path);
    if (!in_folder(path)) return real(file, parts, count);
    for (int part = 0; part < count; part++)  /* a write may always be short */
        if (parts[part].iov_len) return write_some(file, parts[part].iov_base, parts[part].iov_len, -1);
    return 0;
}

#define ON_FILE(operation, file, offset, call) do { \
        char path[PATH_MAX] = ""; \
        if (folder_length) path_of(file, NULL, path); \
        if (!in_folder(path)) return call; \
        OPERATION(operation, path, NULL, offset, call); \
    } while (0)

int fsync(int file) { REAL(fsync); ON_FILE(SYNC, file, 0, real(file)); }
int fdatasync(int file) { REAL(fdatasync); ON_FILE(SYNC, file, 0, real(file)); }
int ftruncate(int file, off_t length) { REAL(ftruncate); ON_FILE(TRUNCATE, file, length, real(file, length)); }
int ftruncate64(int file, off64_t length) { REAL(ftruncate64); ON_FILE(TRUNCATE, file, length, real(file, length)); }

int close(int file) {
    REAL(close);
    if (!folder_length || file == trace || (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY) return real(file);
    char path[PATH_MAX];
    path_of(file, NULL, path);
    if (!in_folder(path)) return real(file);
    int what = begin(CLOSE);
    if (what == KILL_BEFORE) { note(CLOSE, what, -1, 0, 0, path, NULL, NULL, 0); die(); }
    if (what == REFUSE) what = DO_AND_REFUSE;  /* Linux closes the file whatever it answers */
    int result = real(file);
    return (int)end(CLOSE, what, result, 0, path, NULL, NULL);
}

#define ON_PATH(operation, at, name, offset, call) do { \
        char path[PATH_MAX]; \
        path_of(at, name, path); \
        if (!in_folder(path)) return call; \
        OPERATION(operation, path, NULL, offset, call); \
    } while (0)

int truncate(const char *name, off_t length) { REAL(truncate); ON_PATH(TRUNCATE, AT_FDCWD, name, length, real(name, length)); }
int truncate64(const char *name, off64_t length) { REAL(truncate64); ON_PATH(TRUNCATE, AT_FDCWD, name, length, real(name, length)); }
int unlink(const char *name) { REAL(unlink); ON_PATH(REMOVE, AT_FDCWD, name, 0, real(name)); }
int unlinkat(int at, const char *name, int flags) { REAL(unlinkat); ON_PATH(REMOVE, at, name, 0, real(at, name, flags)); }
int rmdir(const char *name) { REAL(rmdir); ON_PATH(REMOVE, AT_FDCWD, name, 0, real(name)); }
int mkdir(const char *name, mode_t mode) { REAL(mkdir); ON_PATH(MKDIR, AT_FDCWD, name, 0, real(name, mode)); }
int mkdirat(int at, const char *name, mode_t mode) { REAL(mkdirat); ON_PATH(MKDIR, at, name, 0, real(at, name, mode)); }

#define RENAME_AT(at, name, to, target, call) do { \
        char path[PATH_MAX], other[PATH_MAX]; \
        path_of(at, name, path); \
        path_of(to, target, other); \
        if (!in_folder(path) && !in_folder(other)) return call; \
        OPERATION(RENAME, path, other, 0, call); \
    } while (0)

int rename(const char *name, const char *target) { REAL(rename); RENAME_AT(AT_FDCWD, name, AT_FDCWD, target, real(name, target)); }
int renameat(int at, const char *name, int to, const char *target) { REAL(renameat); RENAME_AT(at, name, to, target, real(at, name, to, target)); }
int renameat2(int at, const char *name, int to, const char *target, unsigned flags) {
    REAL(renameat2);
    RENAME_AT(at, name, to, target, real(at, name, to, target, flags));
}
