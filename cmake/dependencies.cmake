# Everything comes from Debian (cmake/apt-packages.txt); nothing is downloaded or vendored.
# A library is only required once the layer that uses it has files.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED libxxhash) # header only: kernel/base/checksum.cc defines XXH_INLINE_ALL
find_package(tl-expected REQUIRED)
find_package(range-v3 REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS context)
find_package(Protobuf REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)

find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(asio_standalone INTERFACE)
target_compile_definitions(asio_standalone INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED
                           ASIO_DISABLE_STD_ALIGNED_ALLOC) # found or not by the order of includes: frees what new gave
target_include_directories(asio_standalone SYSTEM INTERFACE $<BUILD_INTERFACE:${ASIO_INCLUDE_DIR}>)
target_link_libraries(asio_standalone INTERFACE Threads::Threads)
