/* Times libpcap's interpreter over a capture, in the three regimes of the benchmark. Built by Hachi.Bench with: cc -O2 libpcap_loops.c -lpcap
 * usage: libpcap_loops CAPTURE REPEATS EXPRESSION...
 * prints a line for each expression: instructions, matches, then nanoseconds of CPU time per packet for stream, l3 and hot. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct packet { const uint8_t *data; uint32_t caplen, len; };

enum { L3_PACKETS = 16384, L3_BYTES = 128, HOT_PACKETS = 512 };

static struct packet *all, *l3, *hot;
static size_t count;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static size_t loop(const struct bpf_insn *insns, const struct packet *p, size_t n)
{
    size_t matches = 0;
    for (size_t i = 0; i < n; i++)
        matches += bpf_filter(insns, p[i].data, p[i].len, p[i].caplen) != 0;
    return matches;
}

static double best(const struct bpf_insn *insns, const struct packet *p, size_t n, int times, int repeats, size_t *matches)
{
    double least = 1e30;
    for (int r = 0; r < repeats; r++) {
        double start = now();
        for (int t = 0; t < times; t++)
            *matches = loop(insns, p, n);
        double each = (now() - start) / ((double)n * times);
        if (each < least)
            least = each;
    }
    return least;
}

static void load(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) { perror(path); exit(2); }
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(size);
    if (fread(bytes, 1, size, f) != size) { perror(path); exit(2); }
    fclose(f);
    size_t room = size / 17 + 1;
    all = malloc(room * sizeof *all);
    for (size_t at = 24; at + 16 <= size;) {
        uint32_t caplen, len;
        memcpy(&caplen, bytes + at + 8, 4);
        memcpy(&len, bytes + at + 12, 4);
        all[count++] = (struct packet){ bytes + at + 16, caplen, len };
        at += 16 + caplen;
    }
}

/* The first packets, cut to one length and close together: what fits the third-level cache. */
static struct packet *compact(size_t n, size_t most)
{
    uint8_t *bytes = malloc(n * most);
    struct packet *p = malloc(n * sizeof *p);
    for (size_t i = 0; i < n; i++) {
        struct packet from = all[i % count];
        uint32_t kept = from.caplen < most ? from.caplen : (uint32_t)most;
        memcpy(bytes + i * most, from.data, kept);
        p[i] = (struct packet){ bytes + i * most, kept, from.len };
    }
    return p;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    load(argv[1]);
    l3 = compact(L3_PACKETS, L3_BYTES);
    hot = compact(HOT_PACKETS, L3_BYTES);
    int repeats = atoi(argv[2]);
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
    for (int i = 3; i < argc; i++) {
        struct bpf_program program;
        if (pcap_compile(dead, &program, argv[i], 1, PCAP_NETMASK_UNKNOWN) != 0) {
            fprintf(stderr, "%s: %s\n", argv[i], pcap_geterr(dead));
            return 1;
        }
        size_t matches = 0, ignored;
        double stream = best(program.bf_insns, all, count, 1, repeats, &matches);
        double cache = best(program.bf_insns, l3, L3_PACKETS, 8, repeats, &ignored);
        double learned = best(program.bf_insns, hot, HOT_PACKETS, 256, repeats, &ignored);
        printf("%u %zu %.2f %.2f %.2f\n", program.bf_len, matches, stream, cache, learned);
        fflush(stdout);
        pcap_freecode(&program);
    }
    return 0;
}
