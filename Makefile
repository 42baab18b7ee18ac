# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build/finderscope-controller, build/finderscope-agent, build/finderscopectl
# make demo       the whole of Finderscope at work in network namespaces (root)
# make check      every test; the last line says how many passed
# make bench      figures, as text and build/bench.json
# make fuzz       the fuzz targets, build/fuzz/ (clang); make fuzz-run gives each FUZZ_SECONDS
# make deps       installs the Debian packages that the above need
# make check-system   the packages: twice, linted, on a bare Debian, under systemd, on two machines (root; some 3 minutes)
# make install    into $(DESTDIR)$(prefix)
# make deb        Debian packages in build/deb
# make deb-cross  the same for arm64, and the agent for armhf, in build/deb-cross (root; a minute of set-up)
# make deb-bullseye  the agent's package for Debian 11 in build/deb-bullseye (root; some minutes the first time)
# make deb-bundle the agent and what it needs in one tar, for switches without a package mirror (root)
#
# SAN=1 builds the same under AddressSanitizer and UBSan in build/san; WERROR=1 makes warnings errors.
# ONLY=agent: that program alone, without the libraries of the others.

VERSION   := 0.1.0
prefix    ?= /usr
sysconfdir ?= /etc
SAN       ?=
WERROR    ?=
ONLY      ?=
TOP       ?= build
BUILD     := $(TOP)$(if $(SAN),/san)
TEST_DATA ?= ../shared/data
NPROC     := $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 60

PKG_CONFIG ?= pkg-config
CFLAGS   ?= -O2 -g
CPPFLAGS ?=
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 \
            -Wvla -Wnull-dereference -Wswitch-enum -Wundef $(if $(WERROR),-Werror)
comma    := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
HARDEN   := -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fPIE
# pkg-config may not be there yet when this file is read (make deps installs it): asked once, at first use.
PC_CFLAGS = $(eval PC_CFLAGS := $$(shell $(PKG_CONFIG) --cflags libnl-route-3.0 libnl-nf-3.0 libsystemd \
            $(if $(ONLY),,liburcu-qsbr) libprotobuf-c libsodium))$(PC_CFLAGS)
# Kernel headers before 6.2 say typeof, which C17 does not know.
ALL_CPPFLAGS = -D_GNU_SOURCE -Dtypeof=__typeof__ -DFINDERSCOPE_VERSION='"$(VERSION)"' -I. -isystem $(BUILD)/gen $(PC_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=c17 $(CFLAGS) $(WARN) $(SANFLAGS) $(HARDEN) $(call room_cflags,$<)
ALL_LDFLAGS = $(LDFLAGS) $(SANFLAGS) -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# Where numbers from the wire are turned into sizes and indices, a silent conversion is a bug.
STRICT_ROOMS := controller/receive controller/match agent/rules agent/wire
room_cflags = $(if $(filter $(addsuffix /%,$(STRICT_ROOMS)),$(1)),-Wconversion -Wno-sign-conversion)

LIBS_COMMON     := -lnanomsg -lprotobuf-c -lsodium -lconfuse -lpthread
LIBS_AGENT      := -lsystemd -lnl-nf-3 -lnl-route-3 -lnl-genl-3 -lnl-3 -lip4tc -lip6tc -lxtables -lseccomp
LIBS_CONTROLLER := -lsystemd -lurcu-qsbr -lurcu-common -lcurl -ljansson -lsqlite3 -lpcap -lz -lm
LIBS_TEST       := -lcmocka

# A room's sources are found, not listed; a program's own main.c stays out of the archives that tests link.
sources = $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(1))))
SRC_COMMON     := $(call sources,common/base common/msg common/tool)
SRC_AGENT      := $(call sources,agent agent/wire agent/rules agent/mirror agent/main)
SRC_CONTROLLER := $(call sources,controller/receive controller/match controller/feeds controller/decide \
                  controller/store controller/agents controller/serve controller/settings controller/engine)
SRC_CTL        := $(call sources,controller/ctl)
SRC_UNIT       := $(wildcard tests/unit/test_*.c)
SRC_LAB        := $(wildcard tests/lab/lab_*.c)
SRC_SUPPORT    := $(wildcard tests/support/*.c) $(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c))
SRC_BENCH      := $(wildcard tests/bench/bench_*.c)
SRC_FUZZ       := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(addprefix $(BUILD)/obj/,$(addsuffix .o,$(basename $(1))))
GEN_PROTO := $(BUILD)/gen/proto/finderscope.pb-c
LIB_COMMON     := $(BUILD)/libcommon.a
LIB_AGENT      := $(BUILD)/libagent.a
LIB_CONTROLLER := $(BUILD)/libcontroller.a
LIB_CTL        := $(BUILD)/libctl.a
LIB_SUPPORT    := $(BUILD)/libsupport.a
PROGRAMS   := $(addprefix $(BUILD)/finderscope,$(if $(ONLY),-$(ONLY),-controller -agent ctl))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(SRC_UNIT))
LAB_TESTS  := $(patsubst tests/lab/%.c,$(BUILD)/tests/%,$(SRC_LAB))
# Not tests themselves; scripts in tests/lab run them.
LAB_TOOLS  := $(patsubst tests/lab/%.c,$(BUILD)/tests/%,$(wildcard tests/lab/tool_*.c))
BENCHES    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(SRC_BENCH))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(SRC_FUZZ))

.PHONY: all deps demo check check-run check-system tests bench fuzz fuzz-run install deb deb-cross deb-bullseye deb-bundle clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS)

deps:
	@packaging/install-deps

$(BUILD)/gen/proto/%.pb-c.c: proto/%.proto
	@mkdir -p $(BUILD)/gen
	protoc-c --c_out=$(BUILD)/gen $<
$(BUILD)/gen/proto/%.pb-c.h: $(BUILD)/gen/proto/%.pb-c.c ;
# What is made lies among the system's headers, which the compiler's list of prerequisites leaves out.
$(call obj,$(shell grep -rl --include='*.c' finderscope.pb-c.h common agent controller tests)): $(GEN_PROTO).h

$(BUILD)/obj/%.o: %.c | $(GEN_PROTO).h
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -Wno-cast-qual -c -o $@ $<

$(LIB_COMMON): $(call obj,$(SRC_COMMON)) $(BUILD)/obj/gen/proto/finderscope.pb-c.o
$(LIB_AGENT): $(call obj,$(SRC_AGENT))
$(LIB_CONTROLLER): $(call obj,$(SRC_CONTROLLER))
$(LIB_CTL): $(call obj,$(SRC_CTL))
$(LIB_SUPPORT): $(call obj,$(SRC_SUPPORT))
%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/finderscope-controller: $(call obj,controller/main.c) $(LIB_CONTROLLER) $(LIB_COMMON)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_CONTROLLER) $(LIBS_COMMON)
$(BUILD)/finderscope-agent: $(call obj,agent/main.c) $(LIB_AGENT) $(LIB_COMMON)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_AGENT) $(LIBS_COMMON)
$(BUILD)/finderscopectl: $(call obj,controller/ctl/main.c) $(LIB_CTL) $(LIB_COMMON)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -ljansson $(LIBS_COMMON)

TEST_ARCHIVES = $(LIB_SUPPORT) $(LIB_CTL) $(LIB_CONTROLLER) $(LIB_AGENT) $(LIB_COMMON)
TEST_LIBS = $(LIBS_TEST) $(LIBS_AGENT) $(LIBS_CONTROLLER) $(LIBS_COMMON)
tests: $(UNIT_TESTS) $(LAB_TESTS) $(LAB_TOOLS)
$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)
$(BUILD)/tests/lab_%: $(BUILD)/obj/tests/lab/lab_%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)
$(BUILD)/tests/tool_%: $(BUILD)/obj/tests/lab/tool_%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)
$(BUILD)/bench/bench_%: $(BUILD)/obj/tests/bench/bench_%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS)

demo: deps
	@$(MAKE) --no-print-directory -s -j$(NPROC) all
	@tests/lab/demo $(TOP)

check: deps
	@$(MAKE) --no-print-directory -j$(NPROC) all tests
	@$(MAKE) --no-print-directory -j$(NPROC) SAN=1 all tests
	@$(MAKE) --no-print-directory check-run
check-run:
	@TEST_DATA=$(TEST_DATA) tests/run $(TOP)

check-system: deps
	@tests/fresh/all $(TOP)

bench: deps
	@$(MAKE) --no-print-directory -j$(NPROC) all $(BENCHES) $(LAB_TOOLS)
	@TEST_DATA=$(TEST_DATA) tests/bench/run $(TOP)

# Fuzz targets are built whole by clang, apart from everything else: libFuzzer wants its coverage in each object.
fuzz:
	@$(MAKE) --no-print-directory -j$(NPROC) CC=clang TOP=$(TOP)/fuzzing \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined' fuzzers
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(TEST_LIBS)
fuzz-run: fuzz
	@TEST_DATA=$(TEST_DATA) tests/fuzz/run $(TOP)/fuzzing $(FUZZ_SECONDS)

install: all
	install -d $(DESTDIR)$(prefix)/sbin $(DESTDIR)$(prefix)/bin $(DESTDIR)$(sysconfdir)/finderscope
	install -m 755 $(filter-out %ctl,$(PROGRAMS)) $(DESTDIR)$(prefix)/sbin
	$(if $(ONLY),,install -m 755 $(BUILD)/finderscopectl $(DESTDIR)$(prefix)/bin)
	install -D -m 644 -t $(DESTDIR)/lib/systemd/system packaging/systemd/*.service
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/sysusers.d packaging/sysusers/*.conf
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/tmpfiles.d packaging/tmpfiles/*.conf
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/sysctl.d packaging/sysctl/*.conf
	install -D -m 644 -t $(DESTDIR)$(sysconfdir)/logrotate.d packaging/logrotate/*
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/bash-completion/completions packaging/completion/finderscopectl
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/zsh/vendor-completions packaging/completion/_finderscopectl
	@# A configuration that is there is somebody's work.
	for conf in controller agent; do \
	    to=$(DESTDIR)$(sysconfdir)/finderscope/$$conf.conf; \
	    [ -e $$to ] || [ ! -e packaging/examples/$$conf.conf ] || install -m 644 packaging/examples/$$conf.conf $$to; \
	done
	for section in 1 5 8; do \
	    for page in packaging/man/*.$$section; do \
	        [ ! -e $$page ] || install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man$$section $$page; \
	    done; \
	done

# build/deb/*.deb. packaging/make-deb build twice: built twice and compared.
deb:
	@packaging/make-deb $(TOP)

# The same for other machines, built in a Debian tree of its own.
CROSS ?= arm64 armhf
deb-cross:
	@packaging/make-deb-cross $(TOP) $(CROSS)

# The agent for the release before, built and started in a Debian tree of its own.
deb-bullseye:
	@packaging/make-deb-bullseye $(TOP)

# The agent and what it needs in one tar, for switches without a package mirror.
deb-bundle: deb
	@packaging/make-bundle $(TOP)

clean:
	rm -rf $(TOP)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
