/* Answers what names are from a file of lines `NAME ADDRESS`, which is read anew each time, and
 * nothing else: no question leaves the machine. Keeps a list of what was asked for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name)
        return real(name, service, hints, found);
    FILE *asked = fopen(getenv("RESOLVER_ASKED"), "a");
    if (asked) {
        fprintf(asked, "%s\n", name);
        fclose(asked);
    }
    FILE *names = fopen(getenv("RESOLVER_NAMES"), "r");
    char known[256], address[64];
    int is_known = 0;
    while (names && !is_known && fscanf(names, "%255s %63s", known, address) == 2)
        is_known = strcmp(known, name) == 0;
    if (names)
        fclose(names);
    if (!is_known)
        return EAI_NONAME;
    struct addrinfo numeric = {0};
    if (hints)
        numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    return real(address, service, &numeric, found);
}
