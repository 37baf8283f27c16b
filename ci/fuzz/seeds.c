#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ci/fuzz/fuzz.h"
#include "harness/base/file.h"
#include "histories/log.h"

struct seed {
    uint8_t how;
    const char *text;
};

static const struct seed seeds[] = {
    {ORD_FORMAT_EDN,
     "{:process 0, :type :invoke, :f :write, :value 5, :time 1, :index 0}\n"
     "{:process 0, :type :ok, :f :write, :value 5, :time 22222222, :index 1}\n"
     "{:process :nemesis, :type :info, :f :start, :value {\"n1\" "
     "#{\"n2\"}}}\n"},
    {ORD_FORMAT_EDN,
     "; c\n[#jepsen.history.Op{:index 3, :type :invoke, :process 1 :f :cas "
     ":value [1 2] :node \"n3\" :session 4 :final? true}\n"
     "{:f :cas :type :info :process 1 :value [1 2] :error [:no \"x\"]}]"},
    {ORD_FORMAT_EDN,
     "({:process 0 :type :invoke :f :txn :value [[:append 1 2] [:r 3 nil]]}"
     "{:process 0 :type :ok :f :txn :value [[:append 1 2] [:r 3 [1 \\a 2.5M]]]"
     " #_ #_ :x y :epoch 1N :position 9 :device 2 ^:m :k (1 #foo/b {:a ()})})"},
    {ORD_FORMAT_EDN | FUZZ_KEYED,
     "{:process 0 :type :invoke :f :cas :value [3 [1 2]]}"
     "{:process 0 :type :ok :f :cas :value [3 [1 2]]}"},
    {ORD_FORMAT_JSONL,
     "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}\n"
     "{\"index\":1,\"time\":123456789,\"type\":\"ok\",\"process\":0,"
     "\"f\":\"read\",\"key\":\"k\",\"value\":[1,-2,\"a\\u00e4\",{\"b\":true}],"
     "\"node\":\"n1\",\"session\":1,\"device\":2,\"epoch\":3,\"position\":4,"
     "\"final\":true,\"error\":{\"a\":1.5e3}}\n"},
    {ORD_FORMAT_JSONL,
     "[{\"process\":0,\"type\":\":invoke\",\"f\":\":add\",\"value\":1},\n"
     "{\"process\":\"nemesis\",\n \"type\":\"info\",\"f\":\"cut\"}]\n"},
    {ORD_FORMAT_TEXT, "0 inv write k1 5 @1.5 ; 1 inv read k\"a\" n2 # c\n"
                      "0 ok write k1 5 e3 u4 ; 1 ok read k\"a\" nil n2 final\n"
                      "nemesis info cut [[1 2] #{:a \"b\"} \\c] !\"why\"\n"},
    {ORD_FORMAT_PORCUPINE_ETCD,
     "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n"
     "INFO  jepsen.util - 0   :info   :cas   :timed-out\n"
     "x\n:nemesis\t:info\t:start\t{\"a\" #{1}}\r\n"
     "0\t:invoke\t:read\tnil\n0\t:fail\t:read\tnil\tno"},
    {ORD_FORMAT_PORCUPINE_KV,
     "{:process 0, :type :invoke, :f :append, :key \"4\", :value \"x 0 1 y\"}\n"
     "{:process 0, :type :ok, :f :append, :key \"4\", :value \"x 0 1 y\"}\n"},
    {ORD_FORMAT_LIMO,
     "# @object atomic-queue\n[1] call enq(?<0,1>)\n  [2] call deq()\n"
     "[1] return\n[2] return empty # x\n[2] call poll(a)\n[1] call f(1, 2)\n"
     "[2] return"},
    {ORD_FORMAT_GUESS, "#{:a 1}\n# c\n0 inv write 5"},
    {ORD_FORMAT_GUESS, "\xef\xbb\xbf[{\"process\":1"},
};

static void own_seed(struct ord_buf *out)
{
    const char *folder = getenv("TMPDIR");
    struct ord_op op = ord_op_empty();
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%.90s/ordeal-seed-XXXXXX",
                   folder == NULL ? "/tmp" : folder);
    fd = mkstemp(path);
    ORD_ASSERT(fd >= 0);
    (void)close(fd);
    (void)unlink(path);
    ORD_ASSERT(ord_log_create(path, "{\"nodes\":[\"a\",\"b\"]}", &log, &err) ==
               ORD_OK);
    for (int i = 0; i < 20; i++) {
        op.process = i / 2;
        op.type = i % 2 == 0 ? ORD_OP_INVOKE : ORD_OP_OK;
        op.f = ORD_F_WRITE;
        op.name = "write";
        op.value = ord_value_int(i / 2 * 1000);
        op.time_ns = i * 1000;
        op.node = (uint16_t)(1 + i / 2 % 2);
        ORD_ASSERT(ord_log_append(log, &op, op.time_ns, op.time_ns, &err) ==
                   ORD_OK);
    }
    ORD_ASSERT(ord_log_close(&log, &err) == ORD_OK);
    ORD_ASSERT(ord_file_read(path, out, &err) == ORD_OK);
    (void)unlink(path);
}

bool fuzz_seed(unsigned i, struct ord_buf *out)
{
    const unsigned count = sizeof seeds / sizeof *seeds;

    ord_buf_init(out, 1 << 20);
    if (i > count)
        return false;
    if (i < count) {
        ord_buf_char(out, (char)seeds[i].how);
        ord_buf_text(out, seeds[i].text);
    } else {
        struct ord_buf log;

        ord_buf_init(&log, 1 << 20);
        own_seed(&log);
        ord_buf_char(out, (char)ORD_FORMAT_OWN);
        ord_buf_add(out, ord_buf_bytes(&log));
        ord_buf_fini(&log);
    }
    return true;
}
