namespace Hachi.Tests.Btf;

/// <summary>Sources with CO-RE relocations of every kind.</summary>
internal static class CoreSources
{
    /// <summary>What asks the compiler for relocations.</summary>
    public const string Macros = """
        #define CORE __attribute__((preserve_access_index))
        #define field(what, x) __builtin_preserve_field_info(x, what)
        #define type_exists(T) __builtin_preserve_type_info(*(T *)0, 0)
        #define type_size(T) __builtin_preserve_type_info(*(T *)0, 1)
        #define type_matches(T) __builtin_preserve_type_info(*(T *)0, 2)
        #define local_id(T) __builtin_btf_type_id(*(T *)0, 0)
        #define target_id(T) __builtin_btf_type_id(*(T *)0, 1)
        #define value_exists(T, v) __builtin_preserve_enum_value(*(T *)v, 0)
        #define value(T, v) __builtin_preserve_enum_value(*(T *)v, 1)
        static volatile u64 out[1];
        #define put(x) out[0] = (x)
        #define all_of(x) put(field(0, x)); put(field(1, x)); put(field(2, x)); put(field(3, x)); put(field(4, x)); put(field(5, x))
        #define place_of(x) put(field(0, x)); put(field(1, x)); put(field(2, x))

        """;

    /// <summary>Against the running kernel.</summary>
    public const string Kernel = Macros + """
        struct list_head { struct list_head *next; } CORE;
        struct task_struct { int pid; char comm[16]; struct task_struct *real_parent; struct list_head tasks; unsigned in_execve : 1; } CORE;
        struct task_struct___old { long state; int pid; } CORE;
        struct sk_buff { u8 pkt_type : 3; u8 cloned : 1; unsigned len; u64 tstamp; } CORE;
        struct no_such_type { int x; } CORE;
        struct file { struct path { struct dentry *dentry; } f_path; } CORE;
        struct dentry { struct qstr { const unsigned char *name; } d_name; } CORE;
        enum bpf_map_type___x { BPF_MAP_TYPE_HASH = 77, BPF_MAP_TYPE_RINGBUF___y = 99, BPF_MAP_TYPE_NONE_SUCH = 5 };
        enum no_such_enum { NO_SUCH_VALUE = 3 };
        typedef int pid_t_not_there;
        typedef u64 u64_of_kernel;
        typedef int pid_t;

        static __noinline int shared(struct task_struct *t) { return t->real_parent->pid; }

        SEC("raw_tp/sched_switch") int fields(u64 *ctx)
        {
            struct task_struct *t = (void *)ctx[1];
            struct task_struct___old *o = (void *)t;
            struct sk_buff *skb = (void *)ctx[2];
            struct no_such_type *none = (void *)t;
            struct file *file = (void *)ctx[3];
            put(t->pid);
            put(t->comm[3]);
            put((u64)t->tasks.next);
            put(shared(t));
            all_of(t->pid);
            place_of(t->real_parent);
            all_of(t->in_execve);
            all_of(skb->pkt_type);
            all_of(skb->cloned);
            put(skb->len);
            if (field(2, o->state))
                put(o->state);
            put(o->pid);
            all_of(o->pid);
            if (field(2, none->x))
                put(none->x);
            put((u64)file->f_path.dentry->d_name.name);
            return 0;
        }

        SEC("raw_tp/sched_switch") int types(u64 *ctx)
        {
            put(type_exists(struct task_struct));
            put(type_exists(struct no_such_type));
            put(type_exists(pid_t));
            put(type_exists(pid_t_not_there));
            put(type_size(struct task_struct));
            put(type_size(struct no_such_type));
            put(type_matches(struct list_head));
            put(type_matches(struct task_struct___old));
            put(type_matches(struct file));
            put(local_id(struct task_struct));
            put(target_id(struct task_struct));
            put(target_id(struct no_such_type));
            return 0;
        }

        SEC("raw_tp/sched_switch") int values(u64 *ctx)
        {
            put(value_exists(enum bpf_map_type___x, BPF_MAP_TYPE_HASH));
            put(value(enum bpf_map_type___x, BPF_MAP_TYPE_HASH));
            put(value(enum bpf_map_type___x, BPF_MAP_TYPE_RINGBUF___y));
            put(value_exists(enum bpf_map_type___x, BPF_MAP_TYPE_NONE_SUCH));
            if (value_exists(enum no_such_enum, NO_SUCH_VALUE))
                put(value(enum no_such_enum, NO_SUCH_VALUE));
            return 0;
        }
        """;

    /// <summary>A kernel of our own.</summary>
    public const string Target = """
        struct inner { int a; long b; };
        struct announced;
        enum wide { WIDE_A = 0x1234567812345678ll, WIDE_B = -5 };
        enum high { HIGH_A = 0x80000000u, HIGH_B = 7 };
        enum minus { MINUS_A = -3, MINUS_B = 7 };
        struct mixed {
            char first;
            struct { short s; union { int nested; u64 other; }; };
            struct inner in;
            struct inner many[5];
            u64 was_u32;
            u32 was_u64;
            int was_signed_char;
            struct inner *pointer;
            void (*call)(int, long);
            enum high high;
            enum minus minus;
            int bits : 5, more_bits : 11, wide_bits : 17;
            u64 long_bits : 40;
            double number;
            u8 table[3][4];
            struct announced *announced;
            int tail[];
        };
        struct twice___a { int x; int only_a; };
        struct twice___b { int only_b; int x; };
        struct differs___a { int x; int y; };
        struct differs___b { int y; int x; };
        union both { int i; long l; };
        typedef int (*callback)(struct inner *, int);
        typedef struct { int x; } unnamed_t;
        struct matches { int a; struct inner *p; unsigned b[4]; };
        struct all { struct mixed m; struct twice___a a; struct twice___b b; struct differs___a c; struct differs___b d; union both e; callback f; unnamed_t g; enum wide w; struct matches h; } all;
        """;

    /// <summary>Against <see cref="Target"/>: everything that may differ does.</summary>
    public const string Corners = Macros + """
        struct inner { long b; int a; } CORE;
        struct announced { int x; };
        enum wide { WIDE_A = 1ull << 40, WIDE_B = 2 };
        enum high { HIGH_A = 1, HIGH_B = 2 };
        enum minus { MINUS_A = 1, MINUS_B = -2 };
        struct mixed {
            int nested;
            char first;
            struct inner in;
            struct inner many[5];
            u32 was_u32;
            u64 was_u64;
            signed char was_signed_char;
            struct inner *pointer;
            void *call;
            enum high high;
            enum minus minus;
            u8 bits : 3;
            u32 more_bits;
            u64 wide_bits : 33;
            u64 long_bits;
            double number;
            u8 table[3][4];
            struct announced *announced;
            int gone;
            int tail[];
        } CORE;
        struct twice { int x; int only_b; } CORE;
        union both { long l; int i; } CORE;
        typedef int (*callback)(struct inner *, int);
        typedef int (*callback___three)(struct inner *, int, int);
        typedef struct { int x; } CORE unnamed_t;
        struct matches { int a; struct inner *p; } CORE;
        struct matches___longer { int a; struct inner *p; unsigned b[4]; int c; } CORE;
        struct matches___length { unsigned b[5]; } CORE;
        struct matches___sign { unsigned a; } CORE;

        SEC("raw_tp/sched_switch") int fields(struct mixed *m)
        {
            put(m->was_u32);
            put(m->was_u64);
            all_of(m->nested); all_of(m->first); all_of(m->in.a); all_of(m->many[2].b); all_of(m->was_u32); all_of(m->was_u64); all_of(m->was_signed_char);
            place_of(m->pointer); place_of(m->call); all_of(m->high); all_of(m->minus); all_of(m->bits); all_of(m->more_bits); all_of(m->wide_bits); all_of(m->long_bits);
            place_of(m->number); place_of(m->table); place_of(m->announced); place_of(m->in);
            put(field(0, m->table[1][2])); put(field(1, m->table[1])); put(field(2, m->table[2][3]));
            put(m->many[3].a); put(m->tail[7]); put(m->table[2][1]); put((u64)m->pointer);
            put(field(2, m->gone)); put(field(2, m[1].first)); put(field(0, m[2].in));
            return 0;
        }

        SEC("raw_tp/sched_switch") int more(u64 *ctx)
        {
            struct twice *t = (void *)ctx[0];
            union both *b = (void *)ctx[1];
            unnamed_t *u = (void *)ctx[2];
            put(field(0, t->only_b)); put(field(0, t->x)); put(field(2, t->x));
            all_of(b->i); all_of(b->l); all_of(u->x);
            put(type_size(union both)); put(type_exists(callback)); put(type_exists(callback___three)); put(type_exists(unnamed_t)); put(type_matches(callback));
            put(type_matches(struct matches)); put(type_matches(struct matches___longer)); put(type_matches(struct matches___length)); put(type_matches(struct matches___sign));
            put(type_matches(struct inner)); put(type_matches(struct mixed)); put(type_matches(union both)); put(type_matches(enum minus));
            put(local_id(struct mixed)); put(target_id(struct mixed)); put(target_id(callback));
            put(value(enum wide, WIDE_A)); put(value(enum wide, WIDE_B)); put(value(enum high, HIGH_B)); put(value(enum minus, MINUS_B)); put(value_exists(enum minus, MINUS_A));
            return 0;
        }
        """;

    /// <summary>Against <see cref="Target"/>: two candidates that differ.</summary>
    public const string Ambiguous = Macros + """
        struct differs { int x; } CORE;
        SEC("raw_tp/sched_switch") int fields(struct differs *d) { put(d->x); return 0; }
        """;
}
