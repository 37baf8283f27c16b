#include "targets/mariadb/link.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>

static const uint8_t conclusion[] = {
    [MY_END_DONE] = ORD_CLIENT_OK,
    [MY_END_NO] = ORD_CLIENT_FAIL,       /* rolled back */
    [MY_END_REFUSED] = ORD_CLIENT_FAIL,  /* before it was looked at */
    [MY_END_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [MY_END_LOST] = ORD_CLIENT_INFO,
};
_Static_assert(sizeof conclusion == MY_ENDS, "every end has its conclusion");

/* The server's errors that prove that a statement was not done.  All others
 * prove nothing. */
static const struct {
    unsigned code;
    enum my_end end;
} errors[] = {
    {ER_LOCK_DEADLOCK, MY_END_NO}, /* also: Galera's certification failed */
    {ER_LOCK_WAIT_TIMEOUT, MY_END_NO},
    {ER_DUP_ENTRY, MY_END_NO},
    {ER_UNKNOWN_COM_ERROR, MY_END_REFUSED},         /* WSREP is not ready */
    {ER_OPTION_PREVENTS_STATEMENT, MY_END_REFUSED}, /* read_only */
    {ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, MY_END_REFUSED},
    {ER_CON_COUNT_ERROR, MY_END_REFUSED},
};

enum ord_client_type my_conclusion(enum my_end end, bool changes)
{
    return ord_client_eased(conclusion[end], changes);
}

void my_link_init(struct my_link *link, const char *ip, const char *setup)
{
    *link = (struct my_link){.setup = setup};
    link->port = ord_client_address(ip, MY_PORT, link->ip);
}

void my_link_close(struct my_link *link)
{
    if (link->mysql != NULL)
        mysql_close(link->mysql);
    link->mysql = NULL;
}

static void note_why(struct my_link *link)
{
    (void)snprintf(link->why, sizeof link->why, "%u %.120s",
                   mysql_errno(link->mysql), mysql_error(link->mysql));
}

bool my_link_up(struct my_link *link, unsigned timeout_s)
{
    if (link->mysql != NULL)
        return true;
    link->mysql = mysql_init(NULL);
    if (link->mysql == NULL) {
        (void)snprintf(link->why, sizeof link->why, "no memory");
        return false;
    }
    (void)mysql_options(link->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    (void)mysql_options(link->mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    (void)mysql_options(link->mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
    if (mysql_real_connect(link->mysql, link->ip, "ordeal", "", NULL,
                           (unsigned)link->port, NULL, 0) != NULL &&
        (link->setup == NULL || mysql_query(link->mysql, link->setup) == 0))
        return true;
    note_why(link);
    my_link_close(link);
    return false;
}

static enum my_end judge(struct my_link *link)
{
    unsigned code = mysql_errno(link->mysql);

    note_why(link);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].code == code)
            return errors[i].end;
    }
    my_link_close(link); /* an answer may still come: not for us */
    return MY_END_LOST;
}

enum my_end my_link_do(struct my_link *link, const char *sql,
                       MYSQL_RES **result)
{
    MYSQL_RES *rows;

    link->why[0] = '\0';
    if (result != NULL)
        *result = NULL;
    if (link->mysql == NULL)
        return MY_END_NOT_SENT;
    if (mysql_query(link->mysql, sql) != 0)
        return judge(link);
    rows = mysql_store_result(link->mysql);
    if (rows == NULL && mysql_errno(link->mysql) != 0)
        return judge(link);
    if (result != NULL)
        *result = rows;
    else
        mysql_free_result(rows);
    return MY_END_DONE;
}
