# embed.cmake -- turns files into C arrays: cmake -DOUT=x.c -DIN="a;b" -P this.
# Each becomes ord_asset_<name>, zero-terminated, with dots as underscores.
file(WRITE ${OUT}.tmp "#include \"harness/report/assets.h\"\n")
foreach(file ${IN})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} id)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  file(APPEND ${OUT}.tmp "const char ord_asset_${id}[] = {${bytes}0};\n")
endforeach()
file(RENAME ${OUT}.tmp ${OUT})
