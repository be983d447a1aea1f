// What inspect finds out about a file: which superblock is opened, what a start would say, what recovery would find.
#include "keelson/io/inspect/survey.h"

#include <gtest/gtest.h>

#include "keelson/base/random.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/findings.h"
#include "tests/io/inspect/inspected_log.h"

namespace keelson::io::inspect {
namespace {

using test::FileBytes;
using test::InspectedLog;
using test::Surveyed;

const InspectedLog& log_of_three() {
  static const InspectedLog log;
  return log;
}
const InspectedLog& log_of_one() {
  static const InspectedLog log(1);
  return log;
}

Surveyed look_at(const FileBytes& file, std::optional<Identity> identity = log_of_three().identity()) {
  return {file, log_of_three().options(), std::move(identity)};
}
const GroupSurvey& group_of(const Survey& survey, u64 group) {
  for (const GroupSurvey& found : survey.groups)
    if (found.group == GroupId(group)) return found;
  throw std::out_of_range("no such group");
}
std::string code_of(const Survey& survey) { return survey.refusal ? survey.refusal->problems.front().code : ""; }

TEST(Survey, AWholeFile) {
  const Surveyed whole = look_at(log_of_three().file);
  EXPECT_EQ(code_of(whole.survey), "");
  EXPECT_EQ(whole.survey.profile->name, "tiny");
  EXPECT_EQ(whole.survey.profile->limits.wal_segments, 20u);
  for (const CopySurvey& copy : whole.survey.copies) EXPECT_EQ(copy.state, CopyState::opened);
  ASSERT_TRUE(whole.survey.groups_known);
  ASSERT_EQ(whole.survey.groups.size(), 4u) << "the metadata group has no records";
  for (u64 group = 1; group <= 3; ++group) {
    const GroupSurvey& found = group_of(whole.survey, group);
    EXPECT_EQ(found.head, Op(42));
    EXPECT_EQ(found.stored, 42u);
    EXPECT_TRUE(found.lost.empty() && found.suspect.empty() && found.absent.empty());
    EXPECT_TRUE(found.has_state);
  }
}

TEST(Survey, GroupsAndLimitsAreFoundWithoutIdentityOrConfiguration) {
  const Surveyed alone(log_of_three().file, {});
  EXPECT_EQ(code_of(alone.survey), "");
  EXPECT_TRUE(alone.survey.voters_assumed);
  ASSERT_EQ(alone.survey.groups.size(), 3u);
  EXPECT_EQ(alone.survey.groups[2].head, Op(42));
}

TEST(Survey, ACopyThatIsLostIsWrittenAgain) {
  FileBytes file = log_of_three().file;
  file.spoil_copy(1);
  const Surveyed hurt = look_at(file);
  EXPECT_EQ(code_of(hurt.survey), "");
  EXPECT_EQ(hurt.survey.copies[1].state, CopyState::foreign);
  ASSERT_EQ(hurt.survey.opening.repair_count, 1u);
  EXPECT_EQ(hurt.survey.opening.repair[0], 1);
}

TEST(Survey, TheStatesOfCopies) {
  FileBytes file = log_of_three().file;
  file.flip(superblock_offset(0) + 100);
  file.fill(superblock_offset(1), superblock_copy_bytes, std::byte{0});
  Surveyed hurt = look_at(file);
  EXPECT_EQ(hurt.survey.copies[0].state, CopyState::damaged);
  EXPECT_EQ(hurt.survey.copies[1].state, CopyState::blank);
  file = log_of_three().file;
  file.unreadable.insert(superblock_offset(2));
  std::copy_n(file.bytes.begin() + static_cast<std::ptrdiff_t>(superblock_offset(0)), superblock_copy_bytes,
              file.bytes.begin() + static_cast<std::ptrdiff_t>(superblock_offset(3)));
  hurt = look_at(file);
  EXPECT_EQ(hurt.survey.copies[2].state, CopyState::unreadable);
  EXPECT_EQ(hurt.survey.copies[3].state, CopyState::misplaced);
}

TEST(Survey, AnUpdateThatWasCutShort) {
  FileBytes file = log_of_three().file;
  Superblock next = look_at(file).survey.opening.current;
  next.sequence += 1;
  next.parent = next.checksum;
  next.incarnation = next.incarnation + 1;
  encode_superblock(next, 0, MutableBytes(file.bytes).first(superblock_copy_bytes));
  const Surveyed one = look_at(file);
  EXPECT_EQ(one.survey.copies[0].state, CopyState::newer);
  EXPECT_EQ(one.survey.opening.current.incarnation, Incarnation(2));
  encode_superblock(next, 1, MutableBytes(file.bytes).subspan(superblock_offset(1), superblock_copy_bytes));
  const Surveyed two = look_at(file);
  EXPECT_EQ(two.survey.copies[3].state, CopyState::older);
  EXPECT_EQ(two.survey.opening.current.incarnation, Incarnation(3));
}

// One copy is no quorum; the log is read by it all the same.
TEST(Survey, TooFewCopiesAreRefusedAndTheLogIsReadAnyway) {
  FileBytes file = log_of_three().file;
  for (u32 copy = 0; copy < 3; ++copy) file.spoil_copy(copy);
  const Surveyed one = look_at(file, std::nullopt);
  EXPECT_EQ(code_of(one.survey), "DAMAGED_SUPERBLOCK");
  EXPECT_EQ(one.survey.refusal->exit_code, exit_code::bad_data);
  EXPECT_EQ(one.survey.copies[3].state, CopyState::intact);
  ASSERT_TRUE(one.survey.groups_known);
  EXPECT_EQ(group_of(one.survey, 1).head, Op(42));
  EXPECT_FALSE(one.survey.log_read_as.empty());

  file.spoil_copy(3);
  const Surveyed by_identity = look_at(file);
  EXPECT_EQ(code_of(by_identity.survey), "DAMAGED_SUPERBLOCK");
  ASSERT_TRUE(by_identity.survey.groups_known) << by_identity.survey.log_read_as;
  EXPECT_EQ(group_of(by_identity.survey, 1).head, Op(42));

  const Surveyed nothing = look_at(file, std::nullopt);
  EXPECT_TRUE(nothing.survey.refusal);
  EXPECT_FALSE(nothing.survey.log_read());
}

TEST(Survey, AFileOfAnotherCluster) {
  Identity identity = log_of_three().identity();
  identity.cluster.lo += 1;
  const Surveyed foreign = look_at(log_of_three().file, identity);
  EXPECT_EQ(code_of(foreign.survey), "WRONG_CLUSTER");
  EXPECT_EQ(foreign.survey.refusal->exit_code, exit_code::configuration);
  EXPECT_TRUE(foreign.survey.groups_known) << "as that of its own cluster";
  EXPECT_EQ(group_of(foreign.survey, 1).head, Op(42));
}

TEST(Survey, TruncatedFiles) {
  for (const u64 size : {u64{0}, u64{4095}, u64{4096}, u64{300'000}, log_of_three().file.bytes.size() - 4096}) {
    FileBytes file = log_of_three().file;
    file.bytes.resize(size);
    const Surveyed cut = look_at(file);
    EXPECT_EQ(code_of(cut.survey), "LAYOUT_TRUNCATED") << size;
    EXPECT_EQ(exit_code_of(cut.survey, find_all(cut.survey, 5)), exit_code::bad_data) << size;
  }
}

TEST(Survey, RandomGarbage) {
  Prng prng(7);
  FileBytes file;
  file.bytes.resize(1 << 20);
  for (auto& byte : file.bytes) byte = static_cast<std::byte>(prng.next());
  const Surveyed garbage = look_at(file, std::nullopt);
  EXPECT_EQ(code_of(garbage.survey), "NO_DATA_FILE");
  for (const CopySurvey& copy : garbage.survey.copies) EXPECT_EQ(copy.state, CopyState::foreign);
  EXPECT_FALSE(garbage.survey.log_read());
}

TEST(Survey, ANewerFormatIsLeftAlone) {
  FileBytes file = log_of_three().file;
  Superblock newer = look_at(file).survey.opening.current;
  newer.version = superblock_version + 1;
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    encode_superblock(newer, copy, MutableBytes(file.bytes).subspan(superblock_offset(copy), superblock_copy_bytes));
  const Surveyed survey = look_at(file);
  EXPECT_EQ(code_of(survey.survey), "VERSION_TOO_NEW");
  EXPECT_FALSE(survey.survey.log_read());
}

TEST(Survey, UnknownLimits) {
  FileBytes file = log_of_three().file;
  Superblock other = look_at(file).survey.opening.current;
  other.limits_digest.lo ^= 1;
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    encode_superblock(other, copy, MutableBytes(file.bytes).subspan(superblock_offset(copy), superblock_copy_bytes));
  EXPECT_EQ(code_of(look_at(file, std::nullopt).survey), "LIMITS_UNKNOWN");
  EXPECT_EQ(code_of(look_at(file).survey), "LIMITS_MISMATCH");
}

TEST(Survey, DamageOfOneVoterIsDamageForEver) {
  FileBytes file = log_of_one().file;
  file.zero_page(Zone::wal, 1);
  const Surveyed hurt(file, log_of_one().options(), log_of_one().identity());
  EXPECT_TRUE(group_of(hurt.survey, 1).log_damaged);
  const Surveyed assumed(file, {{}, 0});
  EXPECT_FALSE(group_of(assumed.survey, 1).log_damaged) << "several voters are assumed";
  const Surveyed told(file, {{}, 1});
  EXPECT_TRUE(group_of(told.survey, 1).log_damaged);
}

TEST(Survey, AGenerationOfItsOwnTakesNoPart) {
  FileBytes file = log_of_three().file;
  Superblock second = look_at(file).survey.opening.current;
  second.generation = Generation(2);
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    encode_superblock(second, copy, MutableBytes(file.bytes).subspan(superblock_offset(copy), superblock_copy_bytes));
  EXPECT_TRUE(group_of(look_at(file, std::nullopt).survey, 1).forgotten);
  EXPECT_FALSE(group_of(look_at(log_of_three().file).survey, 1).forgotten);
}

}  // namespace
}  // namespace keelson::io::inspect
