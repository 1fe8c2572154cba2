# find_package(Forebay) gives the target Forebay::forebay: all that a publisher or a consumer of one's own needs.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(spdlog)
find_dependency(nlohmann_json)
include(${CMAKE_CURRENT_LIST_DIR}/ForebayTargets.cmake)
