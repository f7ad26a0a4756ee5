# cmake -DPAGE=<file> -DOUTPUT=<file> -P embed_page.cmake: makes the page a part of the program.
file(READ ${PAGE} page)
string(FIND "${page}" ")page\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${PAGE} holds )page\", which would end the string that it is put into")
endif()
file(WRITE ${OUTPUT} "#include \"status_page.h\"\n\nnamespace profile_service {\n\nconst char kStatusPage[] = R\"page(${page})page\";\n\n}  // namespace profile_service\n")
