#include "keelson/sim/shrink/proto_paths.h"

#include <google/protobuf/descriptor.h>

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;

void collect(const proto::Message& message, ProtoPath& here, std::vector<ProtoPath>& paths) {
  const auto& access = *message.GetReflection();
  std::vector<const proto::FieldDescriptor*> given;
  access.ListFields(message, &given);
  for (const auto* field : given) {
    const int count = field->is_repeated() ? access.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      here.push_back({field, field->is_repeated() ? i : -1});
      paths.push_back(here);
      if (field->cpp_type() == proto::FieldDescriptor::CPPTYPE_MESSAGE)
        collect(field->is_repeated() ? access.GetRepeatedMessage(message, field, i) : access.GetMessage(message, field),
                here, paths);
      here.pop_back();
    }
  }
}

}  // namespace

std::vector<ProtoPath> paths_of(const proto::Message& message) {
  std::vector<ProtoPath> paths;
  ProtoPath here;
  collect(message, here, paths);
  return paths;
}

const proto::Message& parent_of(const proto::Message& message, const ProtoPath& path) {
  const proto::Message* parent = &message;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const auto& [field, index] = path[i];
    const auto& access = *parent->GetReflection();
    parent = index < 0 ? &access.GetMessage(*parent, field) : &access.GetRepeatedMessage(*parent, field, index);
  }
  return *parent;
}

proto::Message& mutable_parent_of(proto::Message& message, const ProtoPath& path) {
  proto::Message* parent = &message;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const auto& [field, index] = path[i];
    const auto& access = *parent->GetReflection();
    parent = index < 0 ? access.MutableMessage(parent, field) : access.MutableRepeatedMessage(parent, field, index);
  }
  return *parent;
}

void remove(proto::Message& message, const ProtoPath& path) {
  proto::Message& parent = mutable_parent_of(message, path);
  const auto& [field, index] = path.back();
  const auto& access = *parent.GetReflection();
  if (index < 0) return access.ClearField(&parent, field);
  for (int i = index; i + 1 < access.FieldSize(parent, field); ++i) access.SwapElements(&parent, field, i, i + 1);
  access.RemoveLast(&parent, field);
}

std::string name_of(const ProtoPath& path) {
  std::string name;
  for (const auto& [field, index] : path) {
    name += (name.empty() ? "" : ".") + field->name();
    if (index >= 0) name += '[' + std::to_string(index) + ']';
  }
  return name;
}

}  // namespace keelson::sim
