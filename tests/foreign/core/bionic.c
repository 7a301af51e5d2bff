/* What bionic has and glibc has not, or has in another form. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int* __errno(void) { return __errno_location(); }
char* __gnu_strerror_r(int e, char* b, size_t n) { return strerror_r(e, b, n); }
int __android_log_write(int p, const char* t, const char* m) { fprintf(stderr, "%s\n", m); return 1; }
int __android_log_print(int p, const char* t, const char* f, ...) { va_list a; va_start(a, f); vfprintf(stderr, f, a); fputc('\n', stderr); va_end(a); return 1; }
void* ALooper_forThread(void) { return 0; }
void ALooper_acquire(void* l) {}
void ALooper_release(void* l) {}
int ALooper_addFd(void* l, int a, int b, int c, void* d, void* e) { return -1; }
int ALooper_removeFd(void* l, int a) { return 0; }
size_t __strlen_chk(const char* s, size_t n) { return strlen(s); }
char* __strchr_chk(const char* s, int c, size_t n) { return strchr(s, c); }
ssize_t __pwrite_chk(int f, const void* b, size_t c, off_t o, size_t n) { return pwrite(f, b, c, o); }
/* bionic's addrinfo has the name before the address */
struct bionic_addrinfo { int flags, family, socktype, protocol; socklen_t addrlen; char* name; struct sockaddr* addr; struct bionic_addrinfo* next; };
int __real_getaddrinfo(const char*, const char*, const struct addrinfo*, struct addrinfo**);
void __real_freeaddrinfo(struct addrinfo*);
int __wrap_getaddrinfo(const char* node, const char* service, const struct bionic_addrinfo* hints, struct bionic_addrinfo** out)
{
    struct addrinfo mine = {0}, *found = 0;
    if (hints) { mine.ai_family = hints->family; mine.ai_socktype = hints->socktype; mine.ai_protocol = hints->protocol;
        mine.ai_flags = hints->flags & 7; }
    int result = __real_getaddrinfo(node, service, hints ? &mine : 0, &found);
    struct bionic_addrinfo** end = out; *out = 0;
    for (struct addrinfo* each = found; each; each = each->ai_next) {
        struct bionic_addrinfo* copy = calloc(1, sizeof *copy);
        copy->flags = each->ai_flags; copy->family = each->ai_family; copy->socktype = each->ai_socktype;
        copy->protocol = each->ai_protocol; copy->addrlen = each->ai_addrlen;
        copy->addr = malloc(each->ai_addrlen); memcpy(copy->addr, each->ai_addr, each->ai_addrlen);
        *end = copy; end = &copy->next;
    }
    if (found) __real_freeaddrinfo(found);
    return result;
}
void __wrap_freeaddrinfo(struct bionic_addrinfo* first)
{
    while (first) { struct bionic_addrinfo* next = first->next; free(first->addr); free(first); first = next; }
}
long __real_sysconf(int name);
long __wrap_sysconf(int name)
{
    if (name == 0x27 || name == 0x28) return __real_sysconf(_SC_PAGESIZE);
    if (name == 0x60) return __real_sysconf(_SC_NPROCESSORS_CONF);
    if (name == 0x61) return __real_sysconf(_SC_NPROCESSORS_ONLN);
    return __real_sysconf(name);
}
