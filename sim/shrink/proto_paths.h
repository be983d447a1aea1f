// Every field that a message has, by its way from the root: what can be taken out of a scenario, one by one.
//
// Who uses it: the passes of the shrinker. Ways come in order of the message, parents before their children, so whoever
// removes goes from the last to the first and keeps the others valid. Not here: what makes sense to remove.
#pragma once

#include <google/protobuf/message.h>
#include <string>
#include <vector>

namespace keelson::sim {

struct ProtoStep {
  const google::protobuf::FieldDescriptor* field;
  int index;  // in a list; -1: not a list
};
using ProtoPath = std::vector<ProtoStep>;

std::vector<ProtoPath> paths_of(const google::protobuf::Message& message);
// The message that has the last field of a path.
const google::protobuf::Message& parent_of(const google::protobuf::Message& message, const ProtoPath& path);
google::protobuf::Message& mutable_parent_of(google::protobuf::Message& message, const ProtoPath& path);
void remove(google::protobuf::Message& message, const ProtoPath& path);
std::string name_of(const ProtoPath& path);  // "phase[1].network.loss_ppm"

}  // namespace keelson::sim
