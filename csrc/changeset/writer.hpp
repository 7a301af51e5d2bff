// Writes the changeset of one local transaction straight to bytes, interning names just before
// their first use in the order of changeset-format.md section 10 rule 2. Which instructions a user
// write needs (section 11) is decided in realm/write_transaction.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/values.hpp"
#include "changeset/instruction.hpp"
#include "changeset/output.hpp"

namespace realmsync::changeset {

// One step of a path below a property: an index, or a dictionary key / embedded property name.
struct Step {
    bool is_string;
    std::uint32_t index;
    std::string_view name;
};

inline Step to_step(const Changeset& changeset, const PathElement& element) {
    if (element.is_string)
        return {true, 0, changeset.strings[element.value]};
    return {false, element.value, {}};
}

// class → object → field → path. All views are borrowed for the call.
struct Address {
    std::string_view table;
    Key key;
    std::string_view field;
    std::span<const Step> path;
};

// The caller has checked names and values: valid UTF-8 of at most kMaxStringSize bytes, valid
// timestamps, no null marker among the decimals.
class Writer {
  public:
    Writer() = default;
    Writer(Writer&&) = default;
    Writer& operator=(Writer&&) = default;

    void add_table(std::string_view table, TableKind kind, std::string_view pk_field, Type pk_type,
                   bool pk_nullable);
    void erase_table(std::string_view table);
    void add_column(std::string_view table, std::string_view field, Type type, bool nullable,
                    Collection collection, std::string_view target);
    void erase_column(std::string_view table, std::string_view field);
    void create_object(std::string_view table, const Key& key);
    void erase_object(std::string_view table, const Key& key);
    // `extra` is is_default (0 or 1) or, where the path ends in an index, prior_size.
    void update(const Address& address, const Scalar& value, std::uint32_t extra);
    void add_integer(const Address& address, std::int64_t amount);
    void array_insert(const Address& address, const Scalar& value, std::uint32_t prior_size);
    void array_move(const Address& address, std::uint32_t to, std::uint32_t prior_size);
    void array_erase(const Address& address, std::uint32_t prior_size);
    void clear(const Address& address, Collection collection);
    void set_insert(const Address& address, const Scalar& value);
    void set_erase(const Address& address, const Scalar& value);

    // For batches: the id of a name, defined now if it is new; then instructions by id.
    StringId intern(std::string_view name) {
        StringId& recent = recent_[place_of(name)];
        if (recent < names_.size() && *names_[recent] == name) [[likely]]
            return recent;
        return recent = find_or_define(name);
    }
    void create_object(StringId table, const Key& key);
    void update(StringId table, const Key& key, StringId field, const Scalar& value,
                bool is_default);

    bool empty() const { return size() == 0; } // definitions only count as not empty
    std::size_t size() const { return out_.size(); }
    // A point to return to when a later step of the transaction fails.
    struct Mark {
        std::size_t bytes, strings;
    };
    Mark mark() const { return {out_.size(), names_.size()}; }
    void rewind(const Mark& mark);
    std::string take(); // the bytes; the writer is empty afterwards

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>{}(name);
        }
    };

    // By where the name lies: those of classes and properties stay where they are.
    static constexpr std::size_t kRecent = 64;
    static std::size_t place_of(std::string_view name) {
        return (reinterpret_cast<std::uintptr_t>(name.data()) >> 3) % kRecent;
    }
    StringId find_or_define(std::string_view name);
    Instruction begin(Op op, const Address& address);
    void intern_key(const Key& key, Type& type, KeyData& data);
    void intern_path(std::span<const Step> path);
    void set_value(Instruction& i, const Scalar& value);
    void put(const Instruction& i);

    Output out_;
    std::unordered_map<std::string, StringId, Hash, std::equal_to<>> ids_;
    std::vector<const std::string*> names_;  // keys of ids_ in definition order, for rewind
    std::array<StringId, kRecent> recent_{}; // ids to look at first, of names or of none
    std::vector<PathElement> path_;          // of the instruction being written
    Link link_;                              // likewise
};

} // namespace realmsync::changeset
