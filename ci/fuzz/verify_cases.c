/* verify_cases.c -- see verify_cases.h. */
#include "ci/fuzz/verify_cases.h"

#define ALL "[\"begin\",\"end\",\"must\"]"

const struct verify_case verify_cases[VERIFY_CASES] = {
    {"0 inv write 1; 1 inv read; 0 ok write 1; 1 ok read 1; 2 inv write 2;"
     "2 info write 2; 3 inv read; 3 ok read 2",
     "linearizable", "register", false, "[{\"key\":null,\"order\":[0,1,4,6]}]"},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"
     "1 ok read 1",
     "linearizable", "register", true,
     "[{\"key\":null,\"minimal\":true,\"core\":[{\"op\":0,\"keep\":[\"end\"]},"
     "{\"op\":2,\"keep\":" ALL "},{\"op\":4,\"keep\":[\"begin\",\"must\"]}]}]"},
    {"0 inv write k1 1; 0 ok write k1 1; 1 inv cas k2 [nil 3]; 1 ok cas k2 "
     "[nil 3]; 2 inv read k1; 2 ok read k1 1",
     "linearizable", "cas-register", false,
     "[{\"key\":1,\"order\":[0,4]},{\"key\":2,\"order\":[2]}]"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
     "1 inv dequeue; 1 ok dequeue 2",
     "linearizable", "fifo-queue", true,
     "[{\"key\":null,\"minimal\":false,\"core\":[{\"op\":0,\"keep\":" ALL "},"
     "{\"op\":2,\"keep\":" ALL "},{\"op\":4,\"keep\":" ALL "}]}]"},
    {"0 inv push 1; 0 ok push 1; 1 inv pop; 1 info pop; 2 inv pop; 2 ok pop "
     "nil",
     "linearizable", "stack", false, "[{\"key\":null,\"order\":[0,2,4]}]"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 info dequeue;"
     "2 inv dequeue; 2 ok dequeue nil",
     "linearizable", "unordered-queue", false,
     "[{\"key\":null,\"order\":[0,2,4]}]"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [1 2]", "linearizable",
     "set", true,
     "[{\"key\":null,\"minimal\":true,\"core\":[{\"op\":2,\"keep\":[\"must\"]}]"
     "}]"},
    {"0 inv acquire; 0 ok acquire; 1 inv acquire; 1 ok acquire", "linearizable",
     "mutex", true,
     "[{\"key\":null,\"minimal\":true,\"core\":[{\"op\":0,\"keep\":[\"must\"]},"
     "{\"op\":2,\"keep\":[\"must\"]}]}]"},
    {"0 inv add 2; 0 ok add 2; 1 inv read; 1 ok read 3", "linearizable",
     "counter", true,
     "[{\"key\":null,\"minimal\":true,\"core\":[{\"op\":0,\"keep\":[]},"
     "{\"op\":2,\"keep\":[\"must\"]}]}]"},
    {"0 inv put \"a\"; 0 ok put \"a\"; 0 inv append \"b\"; 0 ok append \"b\";"
     "1 inv get; 1 ok get \"ab\"",
     "linearizable", "kv", false, "[{\"key\":null,\"order\":[0,2,4]}]"},
    {"0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [2]", "set", 0, true, 0},
    {"0 inv add 3; 1 inv read; 0 ok add 3; 1 ok read 3", "counter", 0, false,
     0},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     "total-queue", 0, false, 0},
    {"0 inv read; 0 ok read [[1 5] [2 5]]; 0 inv read; 0 ok read [[1 6] [2 5]]",
     "bank", 0, true, 0},
    {"0 inv write k1 1; 0 ok write k1 1; 0 inv write k2 2; 0 ok write k2 2;"
     "1 inv read k2; 1 ok read k2 2; 1 inv read k1; 1 ok read k1 1",
     "causal", 0, false, 0},
    {"0 inv write k1 1; 0 ok write k1 1; 0 inv write k2 2; 0 ok write k2 2;"
     "1 inv read k2; 1 ok read k2 2; 1 inv read k1; 1 ok read k1 nil",
     "causal", 0, true, 0},
    {"0 inv write k1 1; 0 ok write k1 1; 0 inv write k2 2; 0 ok write k2 2;"
     "1 inv read k2; 1 ok read k2 2; 1 inv read k1; 1 ok read k1 1",
     "sequential", 0, false, 0},
    {"0 inv write k1 1; 0 ok write k1 1; 0 inv write k2 2; 0 ok write k2 2;"
     "1 inv read k2; 1 ok read k2 2; 1 inv read k1; 1 ok read k1 nil",
     "sequential", 0, true, 0},
    {"0 inv cas [nil 1]; 1 inv cas [1 2]; 1 ok cas [1 2]; 0 info cas [nil 1];"
     "2 inv read; 2 ok read 2",
     "sequential", 0, false, 0},
    {"0 inv read; 0 ok read 7", "sequential", 0, true, 0},
    {"0 inv write k1 1; 0 ok write k1 1; 0 inv write k2 2; 0 ok write k2 2;"
     "1 inv read k2; 1 ok read k2 2; 1 inv read k1; 1 ok read k1 1",
     "consistent-prefix", 0, false, 0},
    {"0 inv append 1; 0 ok append 1; 0 inv append 2; 0 ok append 2;"
     "1 inv read; 1 ok read [2]",
     "consistent-prefix", 0, true, 0},
    {"0 inv append 1; 0 ok append 1; 0 inv append 2; 0 ok append 2;"
     "1 inv read; 1 ok read [1 2]",
     "consistent-prefix", 0, false, 0},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"
     "1 ok read 1",
     "k-atomicity", 0, false, 0},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 0 inv write 3;"
     "0 ok write 3; 1 inv read;"
     "1 ok read 1",
     "k-atomicity", 0, true, 0},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"
     "1 ok read 1",
     "staleness", 0, false, 0},
    {"1 inv txn [[\"r\" 1 nil] [\"r\" 2 nil]]; 1 ok txn [[\"r\" 1 1] [\"r\" 2 "
     "nil]]; 2 inv txn [[\"r\" 1 nil] [\"r\" 2 nil]]; 2 ok txn [[\"r\" 1 nil] "
     "[\"r\" 2 5]]",
     "long-fork", 0, true, 0},
    {"1 inv txn [[\"r\" 1 nil] [\"r\" 2 nil]]; 1 ok txn [[\"r\" 1 1] [\"r\" 2 "
     "nil]]; 2 inv txn [[\"r\" 1 nil] [\"r\" 2 nil]]; 2 ok txn [[\"r\" 1 1] "
     "[\"r\" 2 5]]",
     "long-fork", 0, false, 0},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 ok dequeue 1;"
     "2 inv dequeue; 2 ok dequeue 1",
     "duplicated", 0, true, 0},
    {"0 inv cas [nil 1]; 0 ok cas [nil 1]; 1 inv cas [1 2]; 1 ok cas [1 2]",
     "duplicated", 0, false, 0},
    {"0 inv insert k1 1; 0 ok insert k1 1; 1 inv insert k1 2; 1 ok insert k1 2",
     "adya-g2", 0, true, 0},
    {"0 inv insert k1 1; 0 ok insert k1 1; 1 inv insert k1 2; 1 fail insert k1 "
     "2",
     "adya-g2", 0, false, 0},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"
     "1 ok read 2; 1 inv read; 1 ok read 1",
     "monotonic-writes", 0, true, 0},
    {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"
     "1 ok read 1; 1 inv read; 1 ok read 2",
     "monotonic-writes", 0, false, 0},
};
