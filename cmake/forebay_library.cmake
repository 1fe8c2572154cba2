# forebay_library(FOLDER [USES FOLDER...] [LINKS TARGET...])
#
# Declares the static library of one folder: all its *.cc but main.cc. USES lists the folders of the tree it may
# include, and is transitive; LINKS lists outside libraries. A folder's headers are reached only through a link in the
# build tree's `include/<folder>`, so an include of a folder that is not listed does not build.
function(forebay_target_name folder out)
  string(REPLACE "/" "_" name "forebay_${folder}")
  set(${out} ${name} PARENT_SCOPE)
endfunction()

function(forebay_expose target folder)
  set(mirror ${CMAKE_BINARY_DIR}/include/${target})
  get_filename_component(parent ${mirror}/${folder} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${mirror}/${folder} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${mirror})
endfunction()

function(forebay_uses target)
  foreach(folder ${ARGN})
    forebay_target_name(${folder} dependency)
    target_link_libraries(${target} PUBLIC ${dependency})
  endforeach()
endfunction()

function(forebay_library folder)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  forebay_target_name(${folder} target)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(${target} STATIC ${sources})
  forebay_expose(${target} ${folder})
  forebay_uses(${target} ${ARG_USES})
  target_link_libraries(${target} PUBLIC ${ARG_LINKS})
endfunction()

# forebay_program(NAME FOLDER): FOLDER/main.cc, linked to the library of the same folder. The target `programs` is all
# of them, and nothing of the tests.
add_custom_target(programs)
function(forebay_program name folder)
  add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.cc)
  forebay_uses(${name} ${folder})
  target_compile_definitions(${name} PRIVATE FOREBAY_VERSION="${PROJECT_VERSION}")
  add_dependencies(programs ${name})
endfunction()
