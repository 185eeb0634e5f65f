// What trace benchmarks run: a launcher that measures a program, and a process that makes events.
// trace_load launch PROGRAM ARGS...  prints: microseconds to the first output, microseconds to the end, peak memory in KiB, output bytes.
// trace_load burst CALLS BURSTS      after a line on standard input: the least nanoseconds a getppid takes, over the bursts.
// trace_load many CALLS              after a line: that many getppid calls, and how long they took, in nanoseconds.
// trace_load worker                  makes an event every 100 microseconds until it is killed.
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

__attribute__((noinline)) void hachi_bench_event(void)
{
    __asm__ volatile("nop; nop; nop; nop; nop" ::: "memory");
}

static int launch(char **command)
{
    int out[2];
    static char buffer[65536];
    if (pipe(out))
        return 1;
    long start = now(), first = 0, bytes = 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        execvp(command[0], command);
        _exit(127);
    }
    close(out[1]);
    for (;;) {
        long n = read(out[0], buffer, sizeof buffer);
        if (n <= 0)
            break;
        // Empty lines and "Attaching 1 probe..." are not the answer.
        if (!first && memchr(buffer, '!', n))
            first = now();
        bytes += n;
    }
    int status;
    struct rusage used;
    wait4(child, &status, 0, &used);
    printf("%ld %ld %ld %ld\n", first ? (first - start) / 1000 : -1, (now() - start) / 1000, used.ru_maxrss, bytes);
    return 0;
}

int main(int count, char **words)
{
    char line[8];
    if (count > 2 && !strcmp(words[1], "launch"))
        return launch(words + 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (count > 1 && !strcmp(words[1], "worker"))
        for (;;) {
            syscall(SYS_getppid);
            hachi_bench_event();
            for (long until = now() + 100000; now() < until;)
                ;
        }
    if (read(0, line, sizeof line) <= 0)
        return 1;
    if (count > 3 && !strcmp(words[1], "burst")) {
        long calls = atol(words[2]), least = 1L << 60;
        for (long b = atol(words[3]); b > 0; b--) {
            long start = now();
            for (long i = 0; i < calls; i++)
                syscall(SYS_getppid);
            long took = now() - start;
            least = took < least ? took : least;
        }
        printf("%.1f\n", (double)least / calls);
    } else if (count > 2 && !strcmp(words[1], "many")) {
        long calls = atol(words[2]), start = now();
        for (long i = 0; i < calls; i++)
            syscall(SYS_getppid);
        printf("%ld\n", now() - start);
    }
    fflush(stdout);
    // The tracer counts until it is told to end.
    (void)!read(0, line, sizeof line);
    return 0;
}
