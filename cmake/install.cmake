# find_package(keelson) gives keelson::kernel, keelson::sim, keelson::sim_main and keelson::io, with what they need.
include(CMakePackageConfigHelpers)
set(keelson_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/keelson)

foreach(layer IN LISTS kernel_layers)
  if(TARGET keelson_${layer})
    install(
      DIRECTORY kernel/${layer}/
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/keelson/${layer}
      FILES_MATCHING
      PATTERN *.h
      PATTERN *.def)
  endif()
endforeach()
if(TARGET keelson_kernel)
  set_target_properties(keelson_kernel PROPERTIES EXPORT_NAME kernel)
  install(TARGETS keelson_kernel EXPORT keelson ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
set(keelson_installed_drivers "")
foreach(driver driver sim io)
  set(folder ${driver})
  if(driver STREQUAL "driver")
    set(folder kernel/driver)
  endif()
  if(TARGET keelson_${driver})
    list(APPEND keelson_installed_drivers ${driver})
    set_target_properties(keelson_${driver} PROPERTIES EXPORT_NAME ${driver})
    target_include_directories(keelson_${driver} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    install(
      TARGETS keelson_${driver}
      EXPORT keelson
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
      FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(
      DIRECTORY ${folder}/
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/keelson/${driver}
      FILES_MATCHING
      PATTERN *.def
      PATTERN *.proto)
    if(TARGET keelson_${driver}_proto)
      install(
        DIRECTORY ${CMAKE_BINARY_DIR}/proto/${driver}/keelson
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING
        PATTERN *.pb.h)
    endif()
  endif()
endforeach()
if(TARGET keelson_io)
  install(TARGETS asio_standalone EXPORT keelson)
endif()
if(TARGET keelson_sim_main)
  set_target_properties(keelson_sim_main PROPERTIES EXPORT_NAME sim_main)
  install(TARGETS keelson_sim_main EXPORT keelson ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET keelson_sim) # generators for tests of your own machine (docs/fuzzing.md); rapidcheck.h needs RapidCheck
  install(FILES fuzz/gen/draw.h fuzz/gen/scenario.h fuzz/gen/tape.h fuzz/gen/rapidcheck.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/keelson/fuzz/gen)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/scenarios)
  install(DIRECTORY scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/keelson)
endif()

if(TARGET keelson_kernel)
  install(EXPORT keelson FILE keelsonTargets.cmake NAMESPACE keelson:: DESTINATION ${keelson_package_folder})
  configure_package_config_file(cmake/keelsonConfig.cmake.in ${CMAKE_BINARY_DIR}/keelsonConfig.cmake
                                INSTALL_DESTINATION ${keelson_package_folder})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/keelsonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/keelsonConfig.cmake ${CMAKE_BINARY_DIR}/keelsonConfigVersion.cmake
          DESTINATION ${keelson_package_folder})
endif()
