# clang-tidy over the library and the extension, each file again only when it
# or a header changed. Run by `make lint`, with -j.
sources := $(sort $(shell find src python/ext -name '*.c'))
headers := $(shell find include src python/ext -name '*.h')
stamps := $(sources:%.c=build/tidy/%.ok)

.PHONY: tidy
tidy: $(stamps)

build/tidy/%.ok: %.c $(headers) .clang-tidy
	@echo "clang-tidy $<"
	@clang-tidy --quiet -p build/clang $< 2>build/tidy.log.$$$$ || \
	    { cat build/tidy.log.$$$$; rm -f build/tidy.log.$$$$; exit 1; }; \
	    rm -f build/tidy.log.$$$$
	@mkdir -p $(@D) && touch $@
