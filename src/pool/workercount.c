/* How many workers a pool has by default. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonpool.h"

/* A positive number in an environment variable, or 0. OMP_NUM_THREADS may be
 * a list, one number a nesting level: the first counts. */
static int from_environment(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL)
        return 0;
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    bool ends = *end == '\0' || *end == ',';
    return errno == 0 && end != text && ends && value > 0 && value <= 4096
               ? (int)value
               : 0;
}

static int from_affinity(void)
{
    /* A machine may have more CPUs than a cpu_set_t holds. */
    for (int limit = 1024; limit <= 1 << 20; limit *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)limit);
        if (set == NULL)
            break;
        size_t size = CPU_ALLOC_SIZE((size_t)limit);
        int count = 0;
        if (sched_getaffinity(0, size, set) == 0)
            count = CPU_COUNT_S(size, set);
        int error = count == 0 ? errno : 0;
        CPU_FREE(set);
        if (count > 0)
            return count;
        if (error != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* Reads "quota period" or two files with one number each; the CPUs that this
 * allows, rounded up, or 0 for no limit. */
static int from_files(const char *quota_path, const char *period_path)
{
    long quota = 0, period = 0;
    FILE *file = fopen(quota_path, "re");
    if (file == NULL)
        return 0;
    int found = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    if (found == 1 && period_path != NULL) {
        file = fopen(period_path, "re");
        if (file == NULL)
            return 0;
        found += fscanf(file, "%ld", &period);
        fclose(file);
    }
    if (found != 2 || quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

/* The quota of the cgroup this process sees as its root. */
static int from_cgroup(void)
{
    int count = from_files("/sys/fs/cgroup/cpu.max", NULL);
    if (count == 0)
        count = from_files("/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
                           "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    return count;
}

int mp_worker_count(const char **why)
{
    const char *unused;
    if (why == NULL)
        why = &unused;
    int count = from_environment("MOONPOOL_WORKERS");
    *why = "MOONPOOL_WORKERS";
    if (count > 0)
        return count;
    count = from_environment("OMP_NUM_THREADS");
    *why = "OMP_NUM_THREADS";
    if (count > 0)
        return count;
    count = from_affinity();
    *why = "CPUs in the affinity mask";
    int quota = from_cgroup();
    if (quota > 0 && quota < count) {
        count = quota;
        *why = "CPU quota of the cgroup";
    }
    return count;
}
