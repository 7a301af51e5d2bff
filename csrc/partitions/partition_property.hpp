// The property that tells the partition of an object (app-configuration.md 4.4): which objects of
// an upload do not have the value of their session's partition, or do not say any, and the change
// that gives it to them. Pure; when it is made and stored is append.cpp's and
// flexible_append.cpp's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "changeset/instruction.hpp"
#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::partitions {

class PartitionProperty {
  public:
    enum class Wrong { other, unsaid }; // what needs the value: whatever has another, or has none

    // `schema`: of the partition, which is as it was before the upload or after it: a class that
    // lacks the property gets it if it is `declared`. `value`: the partition's, borrowed.
    PartitionProperty(const model::Schema& schema, const model::Schema* declared,
                      std::string_view name, const Key& value, Wrong wrong)
        : schema_(schema), declared_(declared), name_(name), value_(value),
          takes_others_(wrong == Wrong::unsaid) {}

    // The changes of an upload, in order, which have to live until correction(). O(1) for each
    // object created and each instruction.
    void look_at(const changeset::Changeset& changeset);
    // Properties for those classes that lack them, as a changeset; empty: none.
    std::string additions() const;
    // These, and the value for all objects that need it; empty: none does.
    std::string correction() const;

  private:
    struct Place {
        const model::Class* cls;
        Key key;
        bool operator==(const Place& other) const {
            return cls == other.cls && model::equal(key, other.key);
        }
    };
    struct Hash {
        std::size_t operator()(const Place& place) const {
            return model::hash(place.key) ^ std::hash<const void*>{}(place.cls);
        }
    };
    struct Role { // of a class
        bool is_known = false;
        const model::Class* cls = nullptr; // null: objects do not have the property
        bool is_added = false;
        bool is_right_at_first = false; // a new object has the value already
    };

    Role role_of(std::string_view cls) const;
    bool fits(const model::Class& cls, std::size_t property) const;
    bool is_right(const Scalar& value) const;
    void note(const Place& place, bool is_wrong);
    void settle(); // what is known of the last one
    void write_additions(changeset::Writer& writer) const;

    const model::Schema& schema_;
    const model::Schema* const declared_;
    const std::string_view name_;
    const Key value_;
    const bool takes_others_;
    std::optional<Place> last_; // looked at
    bool is_last_wrong_ = false;
    std::unordered_map<Place, bool, Hash> wrong_; // are, or were
    std::vector<Place> met_;                      // the same, in order
    std::vector<const model::Class*> added_;
};

} // namespace realmsync::partitions
