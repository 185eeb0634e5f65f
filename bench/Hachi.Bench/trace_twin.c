// trace_twin OBJECT PID PROGRAM...: attaches programs of an object, says so, and keeps them until standard input ends.
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words)
{
    struct bpf_object *object = bpf_object__open(words[1]);
    struct bpf_program *program;
    struct bpf_map *map;
    char c;
    if (!object)
        return 1;
    bpf_object__for_each_map(map, object) {
        int pid = atoi(words[2]);
        if (strstr(bpf_map__name(map), ".rodata"))
            bpf_map__set_initial_value(map, &pid, sizeof pid);
    }
    bpf_object__for_each_program(program, object) {
        int wanted = 0;
        for (int i = 3; i < count; i++)
            wanted |= !strcmp(words[i], bpf_program__name(program));
        bpf_program__set_autoload(program, wanted);
    }
    if (bpf_object__load(object))
        return 1;
    bpf_object__for_each_program(program, object)
        if (bpf_program__autoload(program) && !bpf_program__attach(program))
            return 1;
    puts("attached");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
    return 0;
}
