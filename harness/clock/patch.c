#include "harness/clock/patch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/clock/page.h"
#include "harness/clock/stub.h"
#include "harness/clock/tracee.h"

enum {
    IMAGE_MAX = 4 * 4096, /* of a vDSO */
    MAPS_MAX = 1 << 16,   /* bytes of /proc/PID/maps that are looked at */
    REGIONS_MAX = 8,
    JUMP_SIZE = 12, /* movabs rax, imm64; jmp rax */
    SYMBOLS_MAX = 64,
};

struct region { /* [vvar], [vvar_vclock] or [vdso] */
    uint64_t begin, end;
    bool is_code;
};

struct patch {
    struct ord_tracee tracee;
    struct region regions[REGIONS_MAX];
    uint32_t region_count;
    const struct region *code; /* the vDSO's own */
    uint64_t syscall_at;       /* an instruction to make calls by */
    uint8_t image[IMAGE_MAX];
    size_t image_size;
    bool is_closed; /* the page's descriptor */
};

static int call(struct patch *p, const char *what, long number,
                const uint64_t arguments[6], int64_t *result,
                struct ord_err *err)
{
    int64_t got = 0;

    if (ord_tracee_call(&p->tracee, p->syscall_at, number, arguments, &got,
                        err) != ORD_OK)
        return ord_wrap(err, "%s", what);
    if (result != NULL)
        *result = got;
    if (got < 0 && got > -4096)
        return ord_fail(err, ORD_EIO, "%s in process %d: %s", what,
                        (int)p->tracee.tid, strerror((int)-got));
    return ORD_OK;
}

/* ---- what the process looks like ---------------------------------------- */

static bool take_region(struct patch *p, const char *line)
{
    struct region region = {0};
    const char *name = strchr(line, '[');

    if (name == NULL ||
        (strncmp(name, "[vvar", 5) != 0 && strncmp(name, "[vdso]", 6) != 0))
        return true;
    if (p->region_count == REGIONS_MAX ||
        sscanf(line, "%" SCNx64 "-%" SCNx64, &region.begin, &region.end) != 2)
        return false;
    region.is_code = strncmp(name, "[vdso]", 6) == 0;
    p->regions[p->region_count] = region;
    if (region.is_code)
        p->code = &p->regions[p->region_count];
    p->region_count++;
    return true;
}

static int find_regions(struct patch *p, struct ord_err *err)
{
    char path[64];
    char line[512];
    FILE *maps;
    size_t size = 0;
    bool is_fine = true;

    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)p->tracee.tid);
    maps = fopen(path, "re");
    if (maps == NULL)
        return ord_fail_errno(err, "open %s", path);
    while (is_fine && size < MAPS_MAX &&
           fgets(line, sizeof line, maps) != NULL) {
        size += strlen(line);
        is_fine = take_region(p, line);
    }
    (void)fclose(maps);
    if (!is_fine || p->code == NULL ||
        p->code->end - p->code->begin > IMAGE_MAX)
        return ord_fail(err, ORD_ENOTFOUND,
                        "process %d has no vDSO that is known here",
                        (int)p->tracee.tid);
    p->image_size = (size_t)(p->code->end - p->code->begin);
    return ord_tracee_read(&p->tracee, p->code->begin, p->image, p->image_size,
                           err);
}

static int find_syscall(struct patch *p, struct ord_err *err)
{
    for (size_t i = 0; i + 1 < p->image_size; i++) {
        if (p->image[i] == 0x0f && p->image[i + 1] == 0x05) {
            p->syscall_at = p->code->begin + i;
            return ORD_OK;
        }
    }
    return ord_fail(err, ORD_ENOTFOUND, "the vDSO makes no system call");
}

/* ---- its functions ------------------------------------------------------ */

struct table { /* the dynamic symbols of the image */
    const Elf64_Sym *symbols;
    uint32_t count;
    const char *names;
    size_t names_size;
};

static bool is_inside(const struct patch *p, uint64_t at, uint64_t size)
{
    return at <= p->image_size && size <= p->image_size - at;
}

static bool find_table(const struct patch *p, struct table *out)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)(const void *)p->image;
    const Elf64_Shdr *sections;

    if (p->image_size < sizeof *head || head->e_shentsize != sizeof *sections ||
        !is_inside(p, head->e_shoff,
                   (uint64_t)head->e_shnum * sizeof *sections))
        return false;
    sections = (const Elf64_Shdr *)(const void *)(p->image + head->e_shoff);
    for (uint32_t i = 0; i < head->e_shnum; i++) {
        const Elf64_Shdr *names;

        if (sections[i].sh_type != SHT_DYNSYM ||
            sections[i].sh_link >= head->e_shnum)
            continue;
        names = &sections[sections[i].sh_link];
        if (!is_inside(p, sections[i].sh_offset, sections[i].sh_size) ||
            !is_inside(p, names->sh_offset, names->sh_size) ||
            names->sh_size == 0 ||
            p->image[names->sh_offset + names->sh_size - 1] != '\0')
            return false;
        out->symbols =
            (const Elf64_Sym *)(const void *)(p->image + sections[i].sh_offset);
        out->count = (uint32_t)(sections[i].sh_size / sizeof(Elf64_Sym));
        out->names = (const char *)p->image + names->sh_offset;
        out->names_size = names->sh_size;
        return out->count <= SYMBOLS_MAX;
    }
    return false;
}

static void put_jump(struct patch *p, uint64_t at, uint64_t to)
{
    uint8_t *code = p->image + at;

    code[0] = 0x48; /* movabs rax, imm64 */
    code[1] = 0xb8;
    memcpy(code + 2, &to, sizeof to);
    code[10] = 0xff; /* jmp rax */
    code[11] = 0xe0;
}

/* Where the function of that name is to go; 0: it stays, or moves. */
static uint64_t stub_of(const char *name)
{
    const struct ord_clock_entries entries = ord_clock_stub_entries();
    const uint64_t code = ORD_CLOCK_CODE + ORD_CLOCK_HEAD_SIZE;

    if (strncmp(name, "__vdso_", 7) == 0)
        name += 7;
    if (strcmp(name, "clock_gettime") == 0)
        return code + entries.gettime;
    if (strcmp(name, "gettimeofday") == 0)
        return code + entries.gettimeofday;
    return strcmp(name, "time") == 0 ? code + entries.time : 0;
}

/* Makes the image's functions jump; moved: by how much the original is away,
 * 0: it was not moved.  *gettime is the original's place. */
static int redirect(struct patch *p, int64_t moved, uint64_t *gettime,
                    struct ord_err *err)
{
    struct table table = {0};
    uint32_t count = 0;

    if (!find_table(p, &table))
        return ord_fail(err, ORD_EFORMAT, "the vDSO has no symbols");
    for (uint32_t i = 0; i < table.count; i++) {
        const Elf64_Sym *symbol = &table.symbols[i];
        const char *name = table.names + symbol->st_name;
        uint64_t to;

        if (symbol->st_name >= table.names_size ||
            ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
            !is_inside(p, symbol->st_value, JUMP_SIZE))
            continue;
        to = stub_of(name);
        if (strcmp(name, "__vdso_clock_gettime") == 0)
            *gettime = p->code->begin + symbol->st_value + (uint64_t)moved;
        if (to == 0 && moved != 0)
            to = p->code->begin + symbol->st_value + (uint64_t)moved;
        if (to != 0) {
            put_jump(p, symbol->st_value, to);
            count++;
        }
    }
    if (count == 0)
        return ord_fail(err, ORD_EFORMAT, "the vDSO tells no time");
    return ORD_OK;
}

/* ---- what is done to it ------------------------------------------------- */

static int map(struct patch *p, const char *what, uint64_t at, uint64_t size,
               int protection, int flags, int fd, struct ord_err *err)
{
    const uint64_t arguments[6] = {at,
                                   size,
                                   (uint64_t)protection,
                                   (uint64_t)(flags | MAP_FIXED_NOREPLACE),
                                   (uint64_t)(int64_t)fd,
                                   0};

    return call(p, what, SYS_mmap, arguments, NULL, err);
}

static int put_code(struct patch *p, uint64_t gettime, struct ord_err *err)
{
    static const uint8_t instruction[8] = {0x0f, 0x05, 0x90, 0x90,
                                           0x90, 0x90, 0x90, 0x90};
    uint8_t page[ORD_CLOCK_PAGE_SIZE] = {0};
    struct ord_clock_head head = {.gettime = gettime};
    size_t size = 0;
    const void *stub = ord_clock_stub(&size);

    ORD_ASSERT(size > 0 && size <= sizeof page - ORD_CLOCK_HEAD_SIZE);
    memcpy(head.syscall_at, instruction, sizeof instruction);
    memcpy(page, &head, sizeof head);
    memcpy(page + ORD_CLOCK_HEAD_SIZE, stub, size);
    return ord_tracee_write(&p->tracee, ORD_CLOCK_CODE, page, sizeof page, err);
}

static int map_pages(struct patch *p, int clock_fd, struct ord_err *err)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    int rc = map(p, "map code", ORD_CLOCK_CODE, ORD_CLOCK_PAGE_SIZE,
                 PROT_READ | PROT_EXEC, anonymous, -1, err);

    if (rc == ORD_OK)
        rc = map(p, "map the clock", ORD_CLOCK_DATA, ORD_CLOCK_PAGE_SIZE,
                 PROT_READ | PROT_WRITE, MAP_SHARED, clock_fd, err);
    if (rc == ORD_OK)
        rc = map(p, "map slots", ORD_CLOCK_SLOTS, ORD_CLOCK_SLOTS_SIZE,
                 PROT_READ | PROT_WRITE, anonymous, -1, err);
    return rc;
}

static int move(struct patch *p, const struct region *from, int64_t by,
                struct ord_err *err)
{
    const uint64_t size = from->end - from->begin;
    const uint64_t arguments[6] = {from->begin,
                                   size,
                                   size,
                                   MREMAP_MAYMOVE | MREMAP_FIXED,
                                   from->begin + (uint64_t)by,
                                   0};

    return call(p, "move the vDSO", SYS_mremap, arguments, NULL, err);
}

/* Moves data and code; the code last, for it is what makes this sound.  What
 * was moved before a refusal goes back. */
static int move_vdso(struct patch *p, int64_t by, struct ord_err *err)
{
    struct ord_err ignored;
    uint32_t done = 0;
    int rc = ORD_OK;

    for (; rc == ORD_OK && done < p->region_count; done++) {
        if (!p->regions[done].is_code)
            rc = move(p, &p->regions[done], by, err);
    }
    if (rc == ORD_OK)
        rc = move(p, p->code, by, err);
    if (rc == ORD_OK)
        return ORD_OK;
    while (done > 0) {
        struct region there = p->regions[--done];

        if (there.is_code)
            continue;
        there.begin += (uint64_t)by;
        there.end += (uint64_t)by;
        (void)move(p, &there, -by, &ignored);
    }
    return rc;
}

static uint64_t lowest(const struct patch *p)
{
    uint64_t at = UINT64_MAX;

    for (uint32_t i = 0; i < p->region_count; i++)
        at = p->regions[i].begin < at ? p->regions[i].begin : at;
    return at;
}

/* Does this kernel read the clock without a system call? */
static bool has_fast_clock(void)
{
    char name[32] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/"
                  "current_clocksource",
                  O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    (void)!read(fd, name, sizeof name - 1);
    (void)close(fd);
    return strncmp(name, "tsc", 3) == 0 || strncmp(name, "kvm-clock", 9) == 0 ||
           strncmp(name, "hyperv_", 7) == 0;
}

/* The vDSO has moved: its old place gets the copy that jumps. */
static int fill_old_place(struct patch *p, int64_t by, struct ord_err *err)
{
    uint64_t gettime = 0;
    int rc = redirect(p, by, &gettime, err);

    if (rc == ORD_OK)
        rc = map(p, "map the vDSO's place", p->code->begin, p->image_size,
                 PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, err);
    if (rc == ORD_OK)
        rc = ord_tracee_write(&p->tracee, p->code->begin, p->image,
                              p->image_size, err);
    return rc == ORD_OK ? put_code(p, gettime, err) : rc;
}

static int patch_raw(struct patch *p, struct ord_err *err)
{
    uint64_t gettime = 0;
    int rc = redirect(p, 0, &gettime, err);

    if (rc == ORD_OK)
        rc = ord_tracee_write(&p->tracee, p->code->begin, p->image,
                              p->image_size, err);
    return rc;
}

static int close_there(struct patch *p, int fd, struct ord_err *err)
{
    const uint64_t arguments[6] = {(uint64_t)fd};

    p->is_closed = true;
    return call(p, "close", SYS_close, arguments, NULL, err);
}

static int do_patch(struct patch *p, int clock_fd, bool *is_fast,
                    struct ord_err *err)
{
    struct table table;
    struct ord_err ignored;
    int64_t by;
    int rc = find_regions(p, err);

    if (rc == ORD_OK)
        rc = find_syscall(p, err);
    if (rc == ORD_OK && !find_table(p, &table))
        rc = ord_fail(err, ORD_EFORMAT, "the vDSO has no symbols");
    if (rc != ORD_OK)
        return rc;
    rc = map_pages(p, clock_fd, err);
    if (rc == ORD_OK)
        rc = put_code(p, 0, err);
    if (rc == ORD_OK)
        rc = close_there(p, clock_fd, err);
    if (rc != ORD_OK)
        return rc;
    /* From here on the vDSO's own code may be away. */
    p->syscall_at =
        ORD_CLOCK_CODE + offsetof(struct ord_clock_head, syscall_at);
    by = (int64_t)(ORD_CLOCK_MOVED - lowest(p));
    *is_fast =
        *is_fast && has_fast_clock() &&
        p->code->end + (uint64_t)by <= ORD_CLOCK_CODE + ORD_CLOCK_RANGE_SIZE &&
        move_vdso(p, by, &ignored) == ORD_OK;
    return *is_fast ? fill_old_place(p, by, err) : patch_raw(p, err);
}

static int leave(struct patch *p, int rc, int *stop_signal, struct ord_err *err)
{
    struct ord_err why;

    *stop_signal = p->tracee.has_stop ? SIGSTOP : 0;
    if (ord_tracee_close(&p->tracee, &why) != ORD_OK && rc == ORD_OK)
        rc = ord_fail(err, why.rc, "%s", why.text);
    return rc;
}

int ord_clock_patch(pid_t tid, int clock_fd, bool *is_fast, int *stop_signal,
                    struct ord_err *err)
{
    struct patch p = {.syscall_at = 0};
    struct ord_err ignored;
    int rc = ord_tracee_open(&p.tracee, tid, err);

    *stop_signal = 0;
    if (rc != ORD_OK)
        return rc;
    rc = do_patch(&p, clock_fd, is_fast, err);
    if (!p.is_closed && p.syscall_at != 0)
        (void)close_there(&p, clock_fd, &ignored);
    return leave(&p, rc, stop_signal, err);
}

int ord_clock_drop(pid_t tid, int clock_fd, int *stop_signal,
                   struct ord_err *err)
{
    struct patch p = {.syscall_at = 0};
    int rc = ord_tracee_open(&p.tracee, tid, err);

    *stop_signal = 0;
    if (rc != ORD_OK)
        return rc;
    rc = find_regions(&p, err);
    if (rc == ORD_OK)
        rc = find_syscall(&p, err);
    if (rc == ORD_OK)
        rc = close_there(&p, clock_fd, err);
    return leave(&p, rc, stop_signal, err);
}
