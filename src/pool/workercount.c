/* How many workers a pool has by default. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The CPUs that `quota` of each `period` allow, rounded up; 0 for no limit. */
static int cpus(long quota, long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

/* One number in a file, or 0. */
static long read_number(const char *folder, const char *name)
{
    char path[PATH_MAX];
    long value = 0;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX)
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &value) != 1)
        value = 0;
    fclose(file);
    return value;
}

/* Version 2: "quota period" or "max period" in one file. */
static int quota_2(const char *folder)
{
    char path[PATH_MAX];
    long quota, period;
    if (snprintf(path, sizeof path, "%s/cpu.max", folder) >= PATH_MAX)
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    int found = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    return found == 2 ? cpus(quota, period) : 0;
}

/* Version 1: two files. */
static int quota_1(const char *folder)
{
    return cpus(read_number(folder, "cpu.cfs_quota_us"),
                read_number(folder, "cpu.cfs_period_us"));
}

/* The least quota of the cgroup `path` under `root` and those around it. A
 * container may see a path that is not mounted there; its root still is. */
static int least_quota(const char *root, const char *path,
                       int (*quota)(const char *))
{
    char folder[PATH_MAX];
    int size = snprintf(folder, sizeof folder, "%s%s", root, path);
    if (size >= PATH_MAX)
        return 0;
    int least = 0;
    size_t end = (size_t)size;
    while (end >= strlen(root)) {
        folder[end] = '\0';
        int count = quota(folder);
        if (count > 0 && (least == 0 || count < least))
            least = count;
        while (end > 0 && folder[--end] != '/')
            continue;
        if (end == 0)
            break;
    }
    return least;
}

/* The quota of the process's cgroup; lines of /proc/self/cgroup are
 * "number:controllers:path". */
static int from_cgroup(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return 0;
    char line[PATH_MAX + 64];
    int least = 0;
    while (least == 0 && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL)
            continue;
        *path++ = '\0';
        if (controllers[1] == '\0')
            least = least_quota("/sys/fs/cgroup", path, quota_2);
        else if (strcmp(controllers + 1, "cpu") == 0 ||
                 strncmp(controllers + 1, "cpu,", 4) == 0)
            least = least_quota("/sys/fs/cgroup/cpu", path, quota_1);
    }
    fclose(file);
    return least;
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
