namespace Hachi.Tests.Tracing;

/// <summary>A C program that makes one kind of event each, so that a tool can be seen to see it. Built once; the build is kept as long as the tests run.</summary>
internal static class Workload
{
    private const string Source = """
        #define _GNU_SOURCE
        #include <arpa/inet.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <netdb.h>
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        __attribute__((noinline)) int SSL_write(void *s, const void *data, int n) { __asm__ volatile("nop; nop; nop; nop; nop" :: "r"(s), "r"(data), "r"(n) : "memory"); return n; }
        __attribute__((noinline)) int SSL_read(void *s, void *data, int n) { __asm__ volatile("nop; nop; nop; nop; nop" ::: "memory"); strcpy(data, "secret answer"); return 13; }
        __attribute__((noinline)) long work_called(long n) { __asm__ volatile("nop; nop; nop; nop; nop" ::: "memory"); return n + 1; }
        __attribute__((noinline)) void *work_thread(void *p) { return p; }
        __attribute__((noinline)) long work_spin(long ms) { volatile long n = 0; for (long end = clock() + ms * 1000; clock() < end;) for (int i = 0; i < 10000; i++) n++; return n; }
        __attribute__((noinline)) long work_sleep(long ms) {
            struct timespec t = { 0, ms * 1000000 };
            long r = SYS_nanosleep;
            __asm__ volatile("syscall" : "+a"(r) : "D"(&t), "S"(0) : "rcx", "r11", "memory");
            return r + 1;
        }
        __attribute__((noinline)) void *work_leak(long n) { void *p = malloc(n); __asm__ volatile("" : : "r"(p) : "memory"); return p; }

        static int tcp(int port, int bytes)
        {
            struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
            int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);
            setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (bind(listener, (void *)&a, sizeof a) || listen(listener, 1) || connect(s, (void *)&a, sizeof a))
                return 1;
            int peer = accept(listener, 0, 0);
            char *data = calloc(1, bytes + 1);
            for (int sent = 0, got = 0; got < bytes;) {
                if (sent < bytes)
                    sent += write(s, data + sent, bytes - sent);
                got += read(peer, data, bytes);
            }
            usleep(20000);
            close(s);
            usleep(20000);
            close(peer);
            close(listener);
            usleep(50000);
            return 0;
        }

        int main(int count, char **words)
        {
            const char *what = words[1];
            long n = count > 2 ? atol(words[2]) : 0;
            struct stat st;
            char text[64];
            if (!strcmp(what, "stat")) return stat("/proc/version/nothing", &st) == 0;
            if (!strcmp(what, "calls")) { for (long i = 0; i < n; i++) syscall(SYS_getppid); return 0; }
            if (!strcmp(what, "kill")) { kill(getpid(), 0); return 0; }
            if (!strcmp(what, "exit")) return n;
            if (!strcmp(what, "exec")) return execl("/bin/echo", "echo", "hachi", "argument", (char *)0);
            if (!strcmp(what, "tcp")) return tcp(n, 100000);
            if (!strcmp(what, "udp")) {
                struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(n), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&a, sizeof a) != 1;
            }
            if (!strcmp(what, "host")) { struct addrinfo *r; return getaddrinfo("localhost", 0, 0, &r); }
            if (!strcmp(what, "unlink")) { close(open(words[2], O_CREAT | O_WRONLY, 0600)); return unlink(words[2]); }
            if (!strcmp(what, "slowread")) {
                int p[2];
                if (pipe(p)) return 1;
                if (!fork()) { usleep(60000); (void)!write(p[1], "x", 1); _exit(0); }
                return read(p[0], text, 1) != 1;
            }
            if (!strcmp(what, "thread")) { pthread_t t; return pthread_create(&t, 0, work_thread, 0) || pthread_join(t, 0); }
            if (!strcmp(what, "ssl")) { SSL_write(0, "secret question", 15); return SSL_read(0, text, 64) != 13; }
            if (!strcmp(what, "call")) { long s = 0; for (long i = 0; i < n; i++) s += work_called(7); return s == 0; }
            if (!strcmp(what, "spin")) return work_spin(n) == 0;
            if (!strcmp(what, "sleep")) { long s = 0; for (long i = 0; i < n; i++) s += work_sleep(10); return s == 0; }
            if (!strcmp(what, "leak")) { free(malloc(3000)); return work_leak(12345) == 0; }
            if (!strcmp(what, "capability")) return chown("/proc/self/nothing", 0, 0) == 0 || nice(-1) == 99;
            return 2;
        }
        """;

    private static readonly Lazy<string> s_program = new(Build);

    /// <summary>The program's file.</summary>
    public static string Program => s_program.Value;

    private static string Build()
    {
        string gcc = Tools.Need("gcc"), folder = Directory.CreateTempSubdirectory("hachi-work-").FullName, program = Path.Combine(folder, "hachi_work");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        File.WriteAllText(program + ".c", Source);
        Tools.RunOk(gcc, ["-O1", "-w", "-rdynamic", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-pthread", "-o", program, program + ".c"], folder: folder);
        return program;
    }
}
