// Applies instructions to the typed tables (changeset-format.md section 12): changesets that
// arrive, and the writes of local transactions, which record themselves with changeset::Writer
// beside it. A write-back cache makes one row write of all changes of an object; what needs no old
// value reads none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "changeset/instruction.hpp"
#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

// Where an instruction acts. Views are borrowed for the call.
struct Target {
    const model::Class* cls;
    Key key;
    std::size_t property;
    std::span<const changeset::Step> path;
};

// Lives inside one transaction of one partition. All members throw ErrorException (bad_changeset,
// schema) for what cannot be applied, and StoreError; after either the caller rolls its savepoint
// back and destroys the applier. Nothing is visible to Tables before flush(), and objects that
// turn out not to exist may be reported only then.
class Applier {
  public:
    Applier(Tables& tables, std::int64_t partition = kOnlyPartition);
    ~Applier();
    Applier(const Applier&) = delete;

    // Every instruction in order; nothing of `changeset` is referred to afterwards. O(instructions)
    // plus, once per object and flush, decoding and encoding of each collection it touches.
    void apply(const changeset::Changeset& changeset);
    // Writes everything pending. Call once after the last change.
    void flush();

    // The same one by one, for local writes. Values are copied.
    const model::Schema& schema() const;
    void create_object(const model::Class& cls, const Key& key); // no-op if it exists
    void erase_object(const model::Class& cls, const Key& key);  // no-op if it does not
    void update(const Target& target, const Scalar& value);      // elements: index must exist
    void add_integer(const Target& target, std::int64_t amount);
    void array_insert(const Target& target, const Scalar& value); // last step: insertion index
    void array_move(const Target& target, std::uint32_t to);
    void array_erase(const Target& target);
    void clear(const Target& target, Collection collection);
    void set_insert(const Target& target, const Scalar& value);
    void set_erase(const Target& target, const Scalar& value);
    // The property's value with pending changes, hidden links included; null pointer if there is
    // no such object. Valid until the next call.
    const model::Value* peek(const model::Class& cls, const Key& key, std::size_t property);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace realmsync::tables
