// The objects that a changeset is about: its instructions by top-level object, in which embedded
// objects, lists and dictionaries belong to their owner (flexible-sync.md 9.2). Verdicts are
// others' (fold.hpp); here is what carries them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/values.hpp"
#include "changeset/instruction.hpp"
#include "rules/fields.hpp"

namespace realmsync::views {

struct TouchedObject {
    std::string_view table; // views into the changeset
    Key key;
    std::uint32_t first = 0; // its first instruction
};

class Touched {
  public:
    // O(instructions). The changeset is borrowed.
    explicit Touched(const changeset::Changeset& changeset);

    // In the order of their first instructions.
    const std::vector<TouchedObject>& objects() const { return objects_; }
    // Of an instruction that is not of the schema: which of them it is on.
    std::uint32_t object_of(std::size_t instruction) const { return object_of_[instruction]; }
    // Names of the properties that the instructions on an object write, each once, ascending;
    // views into the changeset. O(n log n) of its instructions.
    void properties(std::uint32_t object, std::vector<std::string_view>& names) const;
    // The changeset with the instructions of the schema and of those objects for which `keeps`
    // holds. Its texts are still all there, keys of other objects among them: what goes to others
    // is written by encode_interleaved(), which leaves out those that nothing needs.
    // O(instructions).
    changeset::Changeset with(const std::vector<bool>& keeps) const;
    // The same with those objects of which something is shown, and without instructions on other
    // fields of theirs. O(instructions · log fields).
    changeset::Changeset with(const std::vector<const rules::Fields*>& shown) const;

  private:
    static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);

    bool is_named(std::uint32_t number, changeset::StringId table, const Key& key) const;
    std::uint32_t find_or_add(std::vector<std::uint32_t>& places, std::uint32_t instruction,
                              const Key& key);

    const changeset::Changeset& changeset_;
    std::vector<TouchedObject> objects_;
    std::vector<std::uint32_t> object_of_; // by instruction; kNone: of the schema
    std::vector<std::uint32_t> next_;      // of the same object, by instruction; kNone: the last
};

} // namespace realmsync::views
