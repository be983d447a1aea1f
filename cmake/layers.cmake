# One target per layer. Its include path holds one symlink, <build>/include/<layer>/keelson/<layer> -> source folder,
# plus those of the layers it links: #include "keelson/wire/header.h" from base finds nothing, because it may not.
# Every header also compiles alone (target check_headers).
set(keelson_present_layers "")
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
add_custom_target(check_headers COMMENT "Every header compiles alone")

# keelson_add_layer(<layer> <folder> [KERNEL] [DEPENDS <layer>...] [LIBRARIES <target>...])
# Makes keelson_<layer>: static, or INTERFACE while the layer has headers only; nothing while its folder is empty.
function(keelson_add_layer layer folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "KERNEL" "" "DEPENDS;LIBRARIES")
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set(target keelson_${layer})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${folder}/*.h)
  file(GLOB_RECURSE protos CONFIGURE_DEPENDS ${folder}/*.proto)
  if(NOT sources AND NOT headers AND NOT protos)
    return()
  endif()

  set(root ${CMAKE_BINARY_DIR}/include/${layer})
  if(NOT EXISTS ${root}/keelson/${layer})
    file(MAKE_DIRECTORY ${root}/keelson)
    file(CREATE_LINK ${folder} ${root}/keelson/${layer} SYMBOLIC)
  endif()
  if(sources OR (protos AND NOT arg_KERNEL))
    set(usage PUBLIC)
    add_library(${target} STATIC ${sources})
  else()
    set(usage INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  add_library(keelson::${layer} ALIAS ${target})

  list(TRANSFORM headers REPLACE "^${folder}/" "${root}/keelson/${layer}/" OUTPUT_VARIABLE visible_headers)
  target_sources(${target} ${usage} FILE_SET HEADERS BASE_DIRS ${root} FILES ${visible_headers})
  if(headers)
    add_dependencies(check_headers ${target}_verify_interface_header_sets)
  endif()
  foreach(left IN LISTS arg_DEPENDS)
    if(TARGET keelson_${left})
      target_link_libraries(${target} ${usage} keelson_${left})
    endif()
  endforeach()
  target_link_libraries(${target} ${usage} ${arg_LIBRARIES})
  target_compile_options(${target} ${usage} $<BUILD_INTERFACE:-fmacro-prefix-map=${keelson_include_prefix}/${layer}/=>)
  if(arg_KERNEL AND sources)
    target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti)
  endif()
  if(protos)
    keelson_add_protos(${layer} ${protos})
    if(NOT arg_KERNEL) # the kernel itself stays free of protobuf: its schemas are for whoever links keelson_<layer>_proto
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_proto>)
      target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/proto/${layer}>)
      add_dependencies(${target} ${target}_proto)
    endif()
  endif()
  set(keelson_present_layers ${keelson_present_layers} ${layer} PARENT_SCOPE)
endfunction()

# Makes keelson_<layer>_proto of the layer's *.proto, included as "keelson/<layer>/<name>.pb.h" (and imported as
# "keelson/<layer>/<name>.proto"). Generated code does not meet our warnings.
function(keelson_add_protos layer)
  set(target keelson_${layer}_proto)
  set(import_root ${CMAKE_BINARY_DIR}/include/${layer})
  set(output_root ${CMAKE_BINARY_DIR}/proto/${layer})
  set(generated "")
  foreach(proto IN LISTS ARGN)
    file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR} ${proto})
    file(REAL_PATH ${import_root}/keelson/${layer} folder)
    file(RELATIVE_PATH name ${folder} ${proto})
    string(REGEX REPLACE "[.]proto$" "" name ${name})
    set(stem ${output_root}/keelson/${layer}/${name})
    add_custom_command(
      OUTPUT ${stem}.pb.cc ${stem}.pb.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${output_root}
      COMMAND protobuf::protoc --cpp_out=${output_root} -I${import_root} keelson/${layer}/${name}.proto
      DEPENDS ${ARGN} protobuf::protoc
      COMMENT "protoc ${layer}/${name}.proto"
      VERBATIM)
    list(APPEND generated ${stem}.pb.cc)
  endforeach()
  add_library(${target} OBJECT ${generated})
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC ${output_root})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
endfunction()

# keelson_kernel: the archive of all kernel layers, which is what drivers link and users install.
function(keelson_add_kernel)
  if(NOT keelson_present_layers)
    return()
  endif()
  set(objects "")
  foreach(layer IN LISTS keelson_present_layers)
    get_target_property(type keelson_${layer} TYPE)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:keelson_${layer}>)
    endif()
  endforeach()
  if(objects)
    set(usage PUBLIC)
    add_library(keelson_kernel STATIC ${objects})
    set_target_properties(keelson_kernel PROPERTIES LINKER_LANGUAGE CXX)
  else()
    set(usage INTERFACE)
    add_library(keelson_kernel INTERFACE)
  endif()
  add_library(keelson::kernel ALIAS keelson_kernel)
  foreach(layer IN LISTS keelson_present_layers)
    target_include_directories(keelson_kernel ${usage} $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include/${layer}>)
    target_compile_options(keelson_kernel ${usage}
                           $<BUILD_INTERFACE:-fmacro-prefix-map=${keelson_include_prefix}/${layer}/=>)
  endforeach()
  target_include_directories(keelson_kernel ${usage} $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(keelson_kernel ${usage} tl::expected)
endfunction()

# Takes a page, its style and its scripts into keelson_sim: <folder>/<name>.html, <name>.css, *.js.
function(keelson_embed_page name folder)
  if(NOT TARGET keelson_sim)
    return()
  endif()
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  set(output ${CMAKE_BINARY_DIR}/generated/${name}_assets.cc)
  file(GLOB assets CONFIGURE_DEPENDS ${folder}/*.html ${folder}/*.css ${folder}/*.js)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D NAME=${name} -D OUTPUT=${output} -D FOLDER=${folder} -P
            ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${assets} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "The page ${name}"
    VERBATIM)
  target_sources(keelson_sim PRIVATE ${output})
endfunction()
