// The values that were read last, decoded. Collections lie whole in a column: without this, each
// access to an element would decode all of them, and a loop over indexes would be quadratic. Few
// are kept, since they may be large. Whether a value is out of date is not decided here but by
// RealmHandle, which compares what it was read from and forgets all when it writes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::bindings {

// A property's value and what it was read from. Two reads with the same schema object and data
// version saw the same data: a schema object belongs to one connection, and there the number
// changes with every commit of another one.
struct ReadValue {
    model::SchemaPtr schema;
    std::int64_t data_version = 0;
    const model::Property* property = nullptr; // of `schema`
    std::optional<model::Value> value;         // nothing: there is no such object
};

// A property's value as its reader has it. Null: there is no such object.
struct Seen {
    const model::Schema* schema;
    const model::Property* property; // of `schema`
    const model::Value* value;
    // Keeps it; null of what a transaction has pending, which lives until the next call that reads
    // or writes something.
    std::shared_ptr<const ReadValue> held;
};

class RecentValues {
  public:
    using Entry = std::shared_ptr<const ReadValue>;

    // Null when it is not among them.
    Entry find(int cls, const Key& key, int property) const {
        for (const Named& e : entries_)
            if (e.cls == cls && e.property == property && model::equal(e.key.view(), key))
                return e.value;
        return nullptr;
    }
    void remember(int cls, const Key& key, int property, Entry value) {
        std::erase_if(entries_, [&](const Named& e) {
            return e.cls == cls && e.property == property && model::equal(e.key.view(), key);
        });
        if (entries_.size() == kMost)
            entries_.erase(entries_.begin()); // the oldest
        entries_.push_back({cls, model::ObjectKey(key), property, std::move(value)});
    }
    void forget() { entries_.clear(); }

  private:
    static constexpr std::size_t kMost = 4; // loops over a few collections at once

    struct Named {
        int cls;
        model::ObjectKey key;
        int property;
        Entry value;
    };
    std::vector<Named> entries_;
};

} // namespace realmsync::bindings
