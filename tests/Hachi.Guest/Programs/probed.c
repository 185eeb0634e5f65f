// A program with a probe of its own, described in a note as debuggers read it (provider hachi, name tick, one argument, a semaphore), and a function to be found by its name. It needs no library.
__attribute__((section(".probes"), used)) volatile unsigned short hachi_tick_semaphore;

__attribute__((noinline, used)) long work(long number)
{
    __asm__ volatile("990: nop\n"
                     ".pushsection .note.stapsdt, \"\", \"note\"\n"
                     ".balign 4\n"
                     ".4byte 992f - 991f, 994f - 993f, 3\n"
                     "991: .asciz \"stapsdt\"\n"
                     "992: .balign 4\n"
                     "993: .8byte 990b, 0, hachi_tick_semaphore\n"
                     ".asciz \"hachi\"\n"
                     ".asciz \"tick\"\n"
                     ".asciz \"-8@%%rdi\"\n"
                     "994: .balign 4\n"
                     ".popsection\n"
                     :
                     : "D"(number));
    return number * 2;
}

static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

// For each byte that comes in: three calls, and the semaphore as a digit.
void _start(void)
{
    char byte;
    while (call(0, 0, (long)&byte, 1) == 1) {
        for (long i = 0; i < 3; i++)
            work(40 + i);
        byte = '0' + hachi_tick_semaphore;
        call(1, 1, (long)&byte, 1);
    }
    call(60, 0, 0, 0);
    __builtin_unreachable();
}
