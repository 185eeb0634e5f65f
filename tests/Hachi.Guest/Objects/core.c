// CO-RE: offsets, sizes, presence, flavours, types and values of the running kernel.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct { int pid; int tgid; struct task_struct *group_leader; struct task_struct *real_parent; char comm[16]; unsigned int flags; };
struct task_struct___other { int tgid; };
struct task_struct___none { int hachi_never_was; };
struct hachi_no_such_type { int x; };
enum bpf_map_type___flavour { BPF_MAP_TYPE_RINGBUF = 99 };
#pragma clang attribute pop
char _license[] SEC("license") = "GPL";
u64 wanted, own, leader, parent, tgid_size, has_comm, has_none, has_type, has_no_type, ringbuf;
static struct task_struct *(*get_current_task)(void) = (void *)35;
static long (*probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
#define READ(to, from) probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&(from)))

SEC("raw_tp") int run(void *ctx)
{
    struct task_struct *task = get_current_task(), *other = 0;
    int number = 0;
    READ(number, task->pid);
    if (number != wanted)
        return 0;
    own = number;
    READ(other, task->group_leader);
    READ(number, ((struct task_struct___other *)other)->tgid);
    leader = number;
    READ(other, task->real_parent);
    READ(number, other->tgid);
    parent = number;
    tgid_size = __builtin_preserve_field_info(task->tgid, 1);
    has_comm = __builtin_preserve_field_info(task->comm, 2);
    has_none = __builtin_preserve_field_info(((struct task_struct___none *)task)->hachi_never_was, 2);
    if (has_none)
        READ(number, ((struct task_struct___none *)task)->hachi_never_was);
    has_type = __builtin_preserve_type_info(*(struct task_struct *)0, 0);
    has_no_type = __builtin_preserve_type_info(*(struct hachi_no_such_type *)0, 0);
    ringbuf = __builtin_preserve_enum_value(*(enum bpf_map_type___flavour *)BPF_MAP_TYPE_RINGBUF, 1);
    return 7;
}
