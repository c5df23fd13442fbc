// An HTTP server that does the least: it answers each request with one byte, or with the body that
// the request has, copied through one buffer. `holds.py` says beside each figure what this costs.

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[1 << 20];

static int send_all(int connection, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(connection, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        bytes += sent;
        count -= sent;
    }
    return 0;
}

// Sends a body back of which `count` bytes at `start` have come with the head.
static int echo(int connection, const char *start, size_t count, size_t left) {
    fcntl(connection, F_SETFL, 0);
    char head[100];
    int bytes = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", left);
    if (send_all(connection, head, bytes) != 0)
        return -1;
    for (;;) {
        if (send_all(connection, start, count) != 0)
            return -1;
        left -= count;
        if (left == 0)
            return fcntl(connection, F_SETFL, O_NONBLOCK);
        ssize_t more = recv(connection, buffer, sizeof buffer, 0);
        if (more <= 0)
            return -1;
        start = buffer;
        count = more;
    }
}

// One request, whose head comes in one piece; -1 when the connection is done with.
static int answer(int connection) {
    static const char byte[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1";
    ssize_t count = recv(connection, buffer, 8192, 0);
    if (count <= 0)
        return -1;
    buffer[count] = 0;
    const char *end = strstr(buffer, "\r\n\r\n");
    if (end == NULL)
        return -1;
    const char *length = strcasestr(buffer, "\r\ncontent-length:");
    if (length == NULL || length > end)
        return send_all(connection, byte, sizeof byte - 1);
    const char *start = end + 4;
    int is_last = strcasestr(buffer, "\r\nconnection: close") != NULL;
    int failed = echo(connection, start, count - (start - buffer), strtoull(length + 17, NULL, 10));
    return is_last ? -1 : failed;
}

static void watch(int events, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        perror("least");
        return 1;
    }
    fprintf(stderr, "Serving HTTP on http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    int events = epoll_create1(0);
    watch(events, listener);
    for (;;) {
        struct epoll_event ready[64];
        int count = epoll_wait(events, ready, 64, -1);
        for (int each = 0; each < count; each++) {
            int descriptor = ready[each].data.fd;
            if (descriptor != listener) {
                if (answer(descriptor) != 0)
                    close(descriptor);
                continue;
            }
            int on = 1, connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            watch(events, connection);
        }
    }
}
