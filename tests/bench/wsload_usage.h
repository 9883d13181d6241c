// CPU time of processes: the sum over their threads of /proc/PID/task/*/schedstat (ns), and user ticks of /proc/PID/stat.
#pragma once
#include "wsload_base.h"
#include <dirent.h>

struct usage {
    double cpu, user; // seconds
};

static double thread_seconds(const char *path) {
    unsigned long long ns = 0;
    FILE *file = fopen(path, "r");
    if (!file) return 0; // it ended between listing and reading
    if (fscanf(file, "%llu", &ns) != 1) ns = 0;
    fclose(file);
    return ns / 1e9;
}

static double process_seconds(const char *pid) {
    char path[400];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%.20s/task", pid);
    DIR *folder = opendir(path);
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%.20s/task/%s/schedstat", pid, entry->d_name);
        sum += thread_seconds(path);
    }
    closedir(folder);
    return sum;
}

// Sampled by the kernel's tick, so coarse: only for telling user from system time.
static double user_seconds(const char *pid) {
    char path[64], line[2048] = "";
    unsigned long ticks = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (name_end) sscanf(name_end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &ticks);
    fclose(file);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

// `pids`: separated by commas, may be empty.
static struct usage usage_of(const char *pids) {
    struct usage usage = {0, 0};
    char copy[1024], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", pids);
    for (char *pid = strtok_r(copy, ",", &rest); pid; pid = strtok_r(NULL, ",", &rest)) {
        usage.cpu += process_seconds(pid);
        usage.user += user_seconds(pid);
    }
    return usage;
}
