/* link.h -- a connection to one MariaDB server, and what its answers mean. */
#ifndef ORD_MARIADB_LINK_H
#define ORD_MARIADB_LINK_H

#include <mysql.h>

#include "targets/client/client.h"

enum { MY_PORT = 3306, MY_WHY_SIZE = 140, MY_SQL_SIZE = 512 };

enum my_end {
    MY_END_DONE,
    MY_END_NO,       /* the server decided against it, and undid all of it */
    MY_END_REFUSED,  /* it does not serve now: not done */
    MY_END_NOT_SENT, /* no connection */
    MY_END_LOST,     /* sent, and nobody knows */
    MY_ENDS
};

struct my_link {
    char ip[ORD_CLIENT_IP_SIZE];
    int port;
    MYSQL *mysql;          /* NULL: not connected */
    const char *setup;     /* said on each new connection; NULL: nothing */
    char why[MY_WHY_SIZE]; /* of what was not done */
};

/* ip may be IP:PORT. */
void my_link_init(struct my_link *link, const char *ip, const char *setup);
void my_link_close(struct my_link *link);
/* Connects if need be.  The library counts in seconds: timeout_s is the most
 * that connecting, and then each answer, may take. */
bool my_link_up(struct my_link *link, unsigned timeout_s);
/* One statement.  *result (may be NULL) is set where it brings rows: free it
 * with mysql_free_result().  Closes the link where an answer is owed on it. */
enum my_end my_link_do(struct my_link *link, const char *sql,
                       MYSQL_RES **result);
/* As the protocol says it; only what changed nothing may be eased to fail. */
enum ord_client_type my_conclusion(enum my_end end, bool changes);

#endif
