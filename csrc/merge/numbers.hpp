// Numbers for the names and objects of one merge (merge-rules.md 9.3 C6): equal exactly when the
// contents are, whichever changeset they stand in.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "changeset/instruction.hpp"
#include "merge/operand.hpp"

namespace realmsync::merge {

// Instructions about one object share a number, and so do all schema instructions of one class.
class Numbers {
  public:
    // Numbers the strings of a side. `learn`: new ones are taken in, else they are kNone.
    void number_strings(Side& side, bool learn);
    // Fills in what an instruction of a numbered side is about.
    void number(Operand& operand, bool learn);

    std::size_t memory() const { // bytes, about
        return names_.size() * 56 + objects_.size() * 64;
    }

  private:
    struct ObjectKey {
        Number table;
        std::uint32_t kind; // type of the key, or kSchema
        std::uint64_t high, low;
        bool operator==(const ObjectKey&) const = default;
    };
    struct Hash {
        std::size_t operator()(const ObjectKey& key) const;
    };
    Number number_of(std::string_view name, bool learn);
    Number number_of(const ObjectKey& key, bool learn);

    std::unordered_map<std::string_view, Number> names_; // views into the sides' changesets
    std::unordered_map<ObjectKey, Number, Hash> objects_;
};

} // namespace realmsync::merge
