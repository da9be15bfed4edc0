// SPDX-License-Identifier: Apache-2.0
#include "bench/server_processes.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static bool answers(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(0x7F000001)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static void show(const char *log)
{
    char line[512];
    FILE *f = fopen(log, "r");
    while (f && fgets(line, sizeof line, f))
        fputs(line, stderr);
    if (f)
        fclose(f);
}

static bool start(struct server *server, const char *const *argv, const char *log, uint16_t port)
{
    pid_t pid = fork();
    if (pid < 0)
        return false;
    if (pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        setpgid(0, 0);
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        // execvp's argv is not const for historical reasons only.
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    setpgid(pid, pid);
    server->group = pid;
    for (int i = 0; i < 100; i++) {
        // Sockets are open before the server knows whether it can start.
        bool up = answers(port);
        nap(0.3);
        if (waitpid(pid, NULL, WNOHANG) == pid)
            break;
        if (up && answers(port))
            return true;
    }
    fprintf(stderr, "bench_server: error: %s does not answer on port %u; it said:\n", server->name, port);
    show(log);
    server_stop(server);
    return false;
}

bool server_start_slotseal(struct server *server, const char *slotseal, const char *config, uint16_t port)
{
    char log[128];
    snprintf(log, sizeof log, "%.110s.log", config);
    const char *const argv[] = {slotseal, "serve", "--config", config, NULL};
    server->name = "slotseal";
    return start(server, argv, log, port);
}

static bool nginx_config(const struct fleet *fleet, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(
        f,
        "daemon off; worker_processes 2; pid %s/nginx.pid; error_log %s/nginx.err; user root;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n"
        "  open_file_cache max=16; default_type application/octet-stream;\n"
        "  client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;\n"
        "  scgi_temp_path %s/s; ssl_protocols TLSv1.3; ssl_certificate %s/tls.pem; ssl_certificate_key %s/tls.key;\n"
        "  server { listen 127.0.0.1:%d reuseport; listen 127.0.0.1:%d ssl reuseport; root %s/www; } }\n",
        fleet->folder, fleet->folder, fleet->folder, fleet->folder, fleet->folder, fleet->folder, fleet->folder,
        fleet->folder, fleet->folder, NGINX_PLAIN_PORT, NGINX_TLS_PORT, fleet->folder);
    return fclose(f) == 0;
}

bool server_start_nginx(struct server *server, const struct fleet *fleet)
{
    char config[128], log[128];
    snprintf(config, sizeof config, "%s/nginx.conf", fleet->folder);
    snprintf(log, sizeof log, "%s/nginx.log", fleet->folder);
    const char *const argv[] = {"/usr/sbin/nginx", "-c", config, NULL};
    server->name = "nginx";
    return nginx_config(fleet, config) && start(server, argv, log, NGINX_PLAIN_PORT);
}

void server_stop(struct server *server)
{
    if (server->group == 0)
        return;
    kill(server->group, SIGTERM);
    for (int i = 0; i < 50 && waitpid(server->group, NULL, WNOHANG) == 0; i++)
        nap(0.1);
    kill(-server->group, SIGKILL);
    waitpid(server->group, NULL, WNOHANG);
    server->group = 0;
}

/// Calls @p each with every process of the group: its id and the text of its stat file behind the name.
static void each_process(const struct server *server, void (*each)(pid_t pid, const char *stat, void *out), void *out)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    while (processes && (entry = readdir(processes))) {
        pid_t pid = (pid_t)atoi(entry->d_name), group;
        char path[64], text[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0)
            close(fd);
        text[n > 0 ? n : 0] = '\0';
        const char *behind = strrchr(text, ')');
        if (behind && sscanf(behind, ") %*c %*d %d", &group) == 1 && group == server->group)
            each(pid, behind, out);
    }
    if (processes)
        closedir(processes);
}

static void add_cpu(pid_t pid, const char *stat, void *out)
{
    unsigned long user, system;
    (void)pid;
    if (sscanf(stat, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
        *(double *)out += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double server_cpu_seconds(const struct server *server)
{
    double seconds = 0;
    each_process(server, add_cpu, &seconds);
    return seconds;
}

static void add_resident(pid_t pid, const char *stat, void *out)
{
    long pages;
    (void)pid;
    if (sscanf(stat, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &pages) == 1)
        *(double *)out += (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double server_resident(const struct server *server)
{
    double bytes = 0;
    each_process(server, add_resident, &bytes);
    return bytes;
}

static void bind_threads(pid_t pid, const char *stat, void *cpus)
{
    (void)stat;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    while (tasks && (entry = readdir(tasks)))
        if (atoi(entry->d_name) > 0)
            sched_setaffinity((pid_t)atoi(entry->d_name), sizeof(cpu_set_t), cpus);
    if (tasks)
        closedir(tasks);
}

void server_bind(const struct server *server, int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (cpu < 0 || i == cpu)
            CPU_SET(i, &cpus);
    each_process(server, bind_threads, &cpus);
}
