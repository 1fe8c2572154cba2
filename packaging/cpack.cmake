# Read by cpack. The units name the programs by the prefix that the build was configured with.
if(NOT CPACK_FOREBAY_PREFIX STREQUAL "/usr")
  message(FATAL_ERROR "Packages are for /usr, and this build for ${CPACK_FOREBAY_PREFIX}: configure it with "
                      "-DCMAKE_INSTALL_PREFIX=/usr, as scripts/package does")
endif()
