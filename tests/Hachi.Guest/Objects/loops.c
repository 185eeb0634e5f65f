// A callback that is run many times, and one over the elements of a map.
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } few SEC(".maps");
char _license[] SEC("license") = "GPL";

static int each(u32 index, u64 *sum)
{
    *sum += index;
    return 0;
}

static int element(void *map, u32 *key, u64 *value, u64 *sum)
{
    *sum += *value;
    return 0;
}

SEC("socket") int run(void *ctx)
{
    u64 sum = 0, value = 500;
    u32 key = 1;
    loop(100, each, &sum, 0);
    map_update_elem(&few, &key, &value, 0);
    key = 2;
    map_update_elem(&few, &key, &value, 0);
    for_each_map_elem(&few, element, &sum, 0);
    return sum;
}
