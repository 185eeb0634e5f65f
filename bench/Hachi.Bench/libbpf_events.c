// The same events read by libbpf: libbpf_events PROGRAM-ID MAP-ID EVENTS ROUNDS. Prints nanoseconds an event: the best round, and the median.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long long sum, seen;

static int on_record(void *context, void *data, size_t size)
{
	sum += *(unsigned long long *)data;
	seen++;
	return 0;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int program = bpf_prog_get_fd_by_id(atoi(argv[1])), map = bpf_map_get_fd_by_id(atoi(argv[2])), events = atoi(argv[3]), rounds = atoi(argv[4]);
	struct ring_buffer *ring = ring_buffer__new(map, on_record, NULL, NULL);
	double *taken = calloc(rounds, sizeof *taken);
	char packet[64] = {0};
	if (program < 0 || !ring || !taken)
		return 1;
	for (int i = 0; i < rounds; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .repeat = events);
		if (bpf_prog_test_run_opts(program, &options))
			return 1;
		double start = now();
		ring_buffer__consume(ring);
		taken[i] = (now() - start) / events;
	}
	if (seen != (unsigned long long)events * rounds)
		return 1;
	qsort(taken, rounds, sizeof *taken, compare);
	printf("%.2f %.2f\n", taken[0], taken[rounds / 2]);
	return 0;
}
