/*
 * An oracle for the tests: the installed libpcap, asked over standard input and output.
 * One request a line, one answer a line; expressions travel in hexadecimal.
 *
 *   version                                       ok TEXT
 *   compile DLT SNAPLEN NETMASK OPT EXPR          ok N code,jt,jf,k ...        or  error TEXT
 *   load FILE                                     ok N                         packets of a capture file replace those in memory
 *   apply DLT SNAPLEN NETMASK OPT EXPR            ok MATCHES HASH              or  error TEXT
 *   verdicts DLT SNAPLEN NETMASK OPT EXPR         ok BITS                      or  error TEXT
 *
 * HASH is 64-bit FNV-1a over one byte a packet (0 or 1); BITS are hexadecimal, packet 0 the lowest bit of the first byte.
 * NETMASK and the numbers of instructions are decimal. Built by the tests with: cc -O2 -o oracle pcap_oracle.c -lpcap
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct packet {
    uint32_t caplen, len;
    unsigned char *data;
};

static struct packet *packets;
static size_t packet_count;

static int unhex(char *text)
{
    size_t n = strlen(text), i;
    if (strcmp(text, "-") == 0) {
        text[0] = 0;
        return 1;
    }
    if (n % 2 != 0)
        return 0;
    for (i = 0; i < n / 2; i++) {
        unsigned int byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return 0;
        text[i] = (char)byte;
    }
    text[n / 2] = 0;
    return 1;
}

static void say_error(const char *message)
{
    fputs("error ", stdout);
    for (; *message; message++)
        putchar(*message == '\n' ? ' ' : *message);
    putchar('\n');
}

/* Compiles; on failure answers and returns 0. */
static int build(char *arguments, struct bpf_program *program)
{
    int link, snaplen, optimise, at = 0;
    unsigned int netmask;
    char *expression;
    pcap_t *handle;

    if (sscanf(arguments, "%d %d %u %d %n", &link, &snaplen, &netmask, &optimise, &at) < 4 || at == 0) {
        say_error("bad request");
        return 0;
    }
    expression = arguments + at;
    if (!unhex(expression)) {
        say_error("bad hexadecimal");
        return 0;
    }
    handle = pcap_open_dead(link, snaplen);
    if (handle == NULL) {
        say_error("pcap_open_dead failed");
        return 0;
    }
    if (pcap_compile(handle, program, expression, optimise, netmask) != 0) {
        say_error(pcap_geterr(handle));
        pcap_close(handle);
        return 0;
    }
    pcap_close(handle);
    return 1;
}

static void compile(char *arguments)
{
    struct bpf_program program;
    unsigned int i;

    if (!build(arguments, &program))
        return;
    printf("ok %u", program.bf_len);
    for (i = 0; i < program.bf_len; i++) {
        struct bpf_insn *insn = &program.bf_insns[i];
        printf(" %u,%u,%u,%u", insn->code, insn->jt, insn->jf, insn->k);
    }
    putchar('\n');
    pcap_freecode(&program);
}

/*
 * libpcap's interpreter does not clear the scratch memory of a filter program, but programs read words that they have not written (behind "geneve" that
 * was not reached, for one), and the kernel's gives zeroes. So the stack where its frame will be is cleared.
 */
__attribute__((noinline)) static void clear_stack(void)
{
    volatile uint64_t room[128];
    size_t i;

    for (i = 0; i < 128; i++)
        room[i] = 0;
    (void)room[0];
}

static void apply(char *arguments, int bits)
{
    struct bpf_program program;
    uint64_t hash = 14695981039346656037ull;
    size_t i, matches = 0;
    unsigned int byte = 0;

    if (!build(arguments, &program))
        return;
    if (bits)
        fputs("ok ", stdout);
    for (i = 0; i < packet_count; i++) {
        struct packet *p = &packets[i];
        unsigned int verdict;

        clear_stack();
        verdict = bpf_filter(program.bf_insns, p->data, p->len, p->caplen) != 0;
        matches += verdict;
        hash = (hash ^ verdict) * 1099511628211ull;
        byte |= verdict << (i % 8);
        if (bits && (i % 8 == 7 || i + 1 == packet_count)) {
            printf("%02x", byte);
            byte = 0;
        } else if (i % 8 == 7) {
            byte = 0;
        }
    }
    if (bits)
        putchar('\n');
    else
        printf("ok %zu %016llx\n", matches, (unsigned long long)hash);
    pcap_freecode(&program);
}

static void load(const char *path)
{
    char message[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const unsigned char *data;
    size_t room = 0;
    pcap_t *handle = pcap_open_offline(path, message);

    if (handle == NULL) {
        say_error(message);
        return;
    }
    while (packet_count > 0)
        free(packets[--packet_count].data);
    free(packets);
    packets = NULL;
    while (pcap_next_ex(handle, &header, &data) == 1) {
        if (packet_count == room) {
            room = room ? room * 2 : 1024;
            packets = realloc(packets, room * sizeof *packets);
            if (packets == NULL)
                exit(1);
        }
        packets[packet_count].caplen = header->caplen;
        packets[packet_count].len = header->len;
        packets[packet_count].data = malloc(header->caplen + 1);
        if (packets[packet_count].data == NULL)
            exit(1);
        memcpy(packets[packet_count++].data, data, header->caplen);
    }
    pcap_close(handle);
    printf("ok %zu\n", packet_count);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    while ((length = getline(&line, &size, stdin)) > 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = 0;
        if (strcmp(line, "version") == 0)
            printf("ok %s\n", pcap_lib_version());
        else if (strncmp(line, "compile ", 8) == 0)
            compile(line + 8);
        else if (strncmp(line, "apply ", 6) == 0)
            apply(line + 6, 0);
        else if (strncmp(line, "verdicts ", 9) == 0)
            apply(line + 9, 1);
        else if (strncmp(line, "load ", 5) == 0)
            load(line + 5);
        else
            say_error("unknown request");
        fflush(stdout);
    }
    return 0;
}
