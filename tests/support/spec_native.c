/* spec_native.c - child processes with deadlines, free ports, a full disk and a clock for specs.
 *
 * A child has its standard input and output on pipes; its standard error goes to a file in memory
 * that can be read at any time, so that no child ever blocks on a log line that nobody reads. No
 * child outlives this process, even one that was killed.
 */
#include "spec_native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <lauxlib.h>
#include <netinet/in.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"

#define PROCESS_TYPE "spec.process"

enum { LINE_BYTES_MAX = 16 << 20, READ_BYTES = 64 << 10, ARGUMENTS_MAX = 64, WAIT_STEP_MS = 5 };

struct process {
    pid_t pid;          /* 0 once it is reaped */
    int in, out, err;   /* -1 when closed */
    int status;         /* exit code, or minus the signal; valid once pid is 0 */
    bool ended;         /* `out` is at its end */
    struct mw_str text; /* read from `out`, not yet handed over */
};

static int64_t deadline_after(lua_State *L, int index)
{
    return mw_clock_monotonic_ms() + (int64_t)(luaL_optnumber(L, index, 10.0) * 1000.0);
}

static int left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - mw_clock_monotonic_ms();
    return left < 0 ? 0 : (int)left;
}

static int fail_errno(lua_State *L, const char *what)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, strerror(errno));
    return 2;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static struct process *check_process(lua_State *L)
{
    return luaL_checkudata(L, 1, PROCESS_TYPE);
}

/* Reaps the child if it has ended. True once it is reaped. */
static bool process_reap(struct process *process)
{
    if (process->pid == 0)
        return true;
    int status;
    if (waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    process->pid = 0;
    process->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

static int process_gc(lua_State *L)
{
    struct process *process = check_process(L);
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = 0;
        process->status = -SIGKILL;
    }
    close_fd(&process->in);
    close_fd(&process->out);
    close_fd(&process->err);
    mw_str_deinit(&process->text);
    process->ended = true;
    return 0;
}

/* Pushes the bytes before the first newline, or, at the end of output, all that is left. */
static bool push_line(lua_State *L, struct process *process)
{
    struct mw_str *text = &process->text;
    const char *newline = text->length > 0 ? memchr(text->data, '\n', text->length) : NULL;
    if (newline == NULL && (!process->ended || text->length == 0))
        return false;
    size_t length = newline != NULL ? (size_t)(newline - text->data) : text->length;
    lua_pushlstring(L, text->data, length);
    mw_str_drop(text, newline != NULL ? length + 1 : length);
    return true;
}

/* process:read_line(seconds) -> line | nil, "timeout" | nil, "end" */
static int process_read_line(lua_State *L)
{
    struct process *process = check_process(L);
    int64_t deadline_ms = deadline_after(L, 2);
    while (!push_line(L, process)) {
        lua_pushnil(L);
        lua_pushstring(L, process->ended ? "end" : "timeout");
        if (process->ended)
            return 2;
        struct pollfd poll_fd = {.fd = process->out, .events = POLLIN};
        if (poll(&poll_fd, 1, left_ms(deadline_ms)) == 0)
            return 2;
        lua_pop(L, 2);
        char bytes[READ_BYTES];
        ssize_t count = read(process->out, bytes, sizeof(bytes));
        if (count > 0 && !mw_str_add(&process->text, bytes, (size_t)count))
            return luaL_error(L, "a line of more than %d bytes", LINE_BYTES_MAX);
        process->ended = count == 0 || (count < 0 && errno != EINTR);
    }
    return 1;
}

/* process:write(text) -> true | nil, message */
static int process_write(lua_State *L)
{
    struct process *process = check_process(L);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    while (length > 0) {
        ssize_t count = write(process->in, text, length);
        if (count < 0)
            return fail_errno(L, "write");
        text += count;
        length -= (size_t)count;
    }
    lua_pushboolean(L, true);
    return 1;
}

/* process:close_input() */
static int process_close_input(lua_State *L)
{
    close_fd(&check_process(L)->in);
    return 0;
}

/* process:errors() -> what the child has written to standard error so far */
static int process_errors(lua_State *L)
{
    struct process *process = check_process(L);
    struct stat info;
    if (process->err < 0 || fstat(process->err, &info) != 0)
        return fail_errno(L, "errors");
    luaL_Buffer buffer;
    char *bytes = luaL_buffinitsize(L, &buffer, (size_t)info.st_size);
    ssize_t count = pread(process->err, bytes, (size_t)info.st_size, 0);
    luaL_pushresultsize(&buffer, count < 0 ? 0 : (size_t)count);
    return 1;
}

/* process:signal(number) -> true when the child was still there */
static int process_signal(lua_State *L)
{
    struct process *process = check_process(L);
    int number = (int)luaL_checkinteger(L, 2);
    lua_pushboolean(L, !process_reap(process) && kill(process->pid, number) == 0);
    return 1;
}

/* process:wait(seconds) -> exit code, or minus the signal that ended it | nil, "timeout" */
static int process_wait(lua_State *L)
{
    struct process *process = check_process(L);
    int64_t deadline_ms = deadline_after(L, 2);
    while (!process_reap(process)) {
        int left = left_ms(deadline_ms);
        if (left == 0) {
            lua_pushnil(L);
            lua_pushliteral(L, "timeout");
            return 2;
        }
        poll(NULL, 0, left < WAIT_STEP_MS ? left : WAIT_STEP_MS);
    }
    lua_pushinteger(L, process->status);
    return 1;
}

/* process:pid() -> process id | nil once it was waited for */
static int process_pid(lua_State *L)
{
    struct process *process = check_process(L);
    if (process->pid == 0)
        return 0;
    lua_pushinteger(L, process->pid);
    return 1;
}

/* The child's side: takes its ends of the pipes and becomes the program, or tells the errno. It
 * ends with this process, however that ends. */
static _Noreturn void be_child(char *const *argv, const int ends[3], int trouble)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL); /* ignored here, which children would inherit */
    bool ready = true;
    for (int fd = 0; fd < 3; fd++)
        ready = ready && dup2(ends[fd], fd) == fd;
    if (ready)
        execvp(argv[0], argv);
    int failure = errno;
    ssize_t written = write(trouble, &failure, sizeof(failure));
    _exit(written == (ssize_t)sizeof(failure) ? 127 : 126);
}

/* Starts `argv` with the child's ends of the pipes. Returns 0 or an errno. */
static int start_child(struct process *process, char *const *argv, int child_in, int child_out)
{
    const int ends[3] = {child_in, child_out, process->err};
    int trouble[2], failure = 0;
    if (pipe2(trouble, O_CLOEXEC) != 0)
        return errno;
    process->pid = fork();
    if (process->pid == 0)
        be_child(argv, ends, trouble[1]);
    if (process->pid < 0)
        failure = errno;
    close(trouble[1]);
    if (process->pid > 0 && read(trouble[0], &failure, sizeof(failure)) > 0)
        waitpid(process->pid, NULL, 0);
    close(trouble[0]);
    if (failure != 0)
        process->pid = 0;
    return failure;
}

/* Borrows the strings of the list at 1 (until it changes) into `argv`, NULL at the end. */
static void check_argv(lua_State *L, char **argv)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, 1);
    luaL_argcheck(L, count > 0 && count < ARGUMENTS_MAX, 1, "program and arguments expected");
    for (lua_Unsigned i = 0; i < count; i++) {
        luaL_argcheck(L, lua_rawgeti(L, 1, (lua_Integer)i + 1) == LUA_TSTRING, 1,
                      "strings expected");
        union { /* exec does not write to it */
            const char *borrowed;
            char *argument;
        } text = {.borrowed = lua_tostring(L, -1)};
        argv[i] = text.argument;
        lua_pop(L, 1);
    }
    argv[count] = NULL;
    MW_CHECK(argv[0] != NULL);
}

/* spawn(argv) -> process | nil, message */
static int native_spawn(lua_State *L)
{
    char *argv[ARGUMENTS_MAX];
    check_argv(L, argv);

    struct process *process = lua_newuserdatauv(L, sizeof(*process), 0);
    *process = (struct process){.in = -1, .out = -1, .err = -1};
    process->text.length_max = LINE_BYTES_MAX;
    luaL_setmetatable(L, PROCESS_TYPE);

    int in[2], out[2];
    process->err = memfd_create("stderr", MFD_CLOEXEC);
    if (process->err < 0 || fcntl(process->err, F_SETFL, O_APPEND) != 0)
        return fail_errno(L, "memfd_create");
    if (pipe2(in, O_CLOEXEC) != 0)
        return fail_errno(L, "pipe2");
    process->in = in[1];
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        return fail_errno(L, "pipe2");
    }
    process->out = out[0];
    int failure = start_child(process, argv, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    errno = failure;
    return failure == 0 ? 1 : fail_errno(L, argv[0]);
}

static struct sockaddr_in loopback(lua_Integer port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* free_port() -> a port of 127.0.0.1 that nobody listens on right now */
static int native_free_port(lua_State *L)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        close_fd(&fd);
        return fail_errno(L, "free_port");
    }
    close(fd);
    lua_pushinteger(L, ntohs(address.sin_port));
    return 1;
}

/* listens(port) -> whether 127.0.0.1 takes connections at `port` */
static int native_listens(lua_State *L)
{
    struct sockaddr_in address = loopback(luaL_checkinteger(L, 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lua_pushboolean(L, fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    close_fd(&fd);
    return 1;
}

/* now() -> seconds of a clock that never goes back */
static int native_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)mw_clock_monotonic_ns() / 1e9);
    return 1;
}

/* pause(seconds) */
static int native_pause(lua_State *L)
{
    poll(NULL, 0, (int)(luaL_checknumber(L, 1) * 1000.0));
    return 0;
}

/* make_directory() -> path of a new directory of its own | nil, message */
static int native_make_directory(lua_State *L)
{
    const char *parent = getenv("TMPDIR");
    char path[MW_ERROR_MESSAGE_BYTES];
    snprintf(path, sizeof(path), "%s/moonwick-spec-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(path) == NULL)
        return fail_errno(L, path);
    lua_pushstring(L, path);
    return 1;
}

/* limit_files(bytes) -- no file of this process grows past that, as on a disk that is full; writes
 * fail. Without bytes the limit is gone. */
static int native_limit_files(lua_State *L)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN); /* a write that fails is enough */
    MW_CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    lua_Integer bytes = luaL_optinteger(L, 1, -1);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return fail_errno(L, "setrlimit");
    lua_pushboolean(L, true);
    return 1;
}

static const luaL_Reg process_methods[] = {
    {"close", process_gc},
    {"close_input", process_close_input},
    {"errors", process_errors},
    {"pid", process_pid},
    {"read_line", process_read_line},
    {"signal", process_signal},
    {"wait", process_wait},
    {"write", process_write},
    {NULL, NULL},
};

static const luaL_Reg native_functions[] = {
    {"free_port", native_free_port},
    {"limit_files", native_limit_files},
    {"listens", native_listens},
    {"make_directory", native_make_directory},
    {"now", native_now},
    {"pause", native_pause},
    {"spawn", native_spawn},
    {NULL, NULL},
};

int luaopen_spec_native(lua_State *L)
{
    signal(SIGPIPE, SIG_IGN); /* a child that is gone is an error from write */
    luaL_newmetatable(L, PROCESS_TYPE);
    luaL_newlib(L, process_methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, process_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_newlib(L, native_functions);
    return 1;
}
