// Applies instructions to the typed tables (changeset-format.md section 12): changesets that
// arrive, and the writes of local transactions, which record themselves with changeset::Writer
// beside it. A write-back cache makes one row write of all changes of an object; what needs no old
// value reads none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/work.hpp"
#include "changeset/instruction.hpp"
#include "changeset/writer.hpp"
#include "model/schema.hpp"
#include "tables/object_cache.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

// Where an instruction acts. Views are borrowed for the call.
struct Target {
    const model::Class* cls;
    Key key;
    std::size_t property; // Class::npos: the object itself
    std::span<const changeset::Step> path;
    const char* operation = ""; // for messages; the Applier fills it in
};

// Lives inside one transaction of one partition. All members throw ErrorException (bad_changeset,
// schema) for what cannot be applied, and StoreError; after either the caller rolls its savepoint
// back and destroys the applier. Nothing is visible to Tables before flush(), and objects that
// turn out not to exist may be reported only then. limit_exceeded: `work` does not do.
class Applier {
  public:
    Applier(Tables& tables, std::int64_t partition, Work& work)
        : tables_(tables), partition_(partition), work_(work), cache_(tables, partition, work),
          schema_(tables.schema(partition)) {}
    explicit Applier(Tables& tables, std::int64_t partition = kOnlyPartition)
        : Applier(tables, partition, unlimited_) {}
    Applier(const Applier&) = delete;

    // Every instruction in order; nothing of `changeset` is referred to afterwards. O(instructions)
    // plus, once per object and flush, decoding and encoding of each collection it touches.
    void apply(const changeset::Changeset& changeset);
    // Writes everything pending. Call once after the last change.
    void flush();

    // The same one by one, as changesets and local writes do it. Values are copied. `prior_size`:
    // how long the list must be; -1 when that is not known.
    const model::Schema& schema() const { return *schema_; }
    void create_object(const model::Class& cls, const Key& key); // no-op if it exists
    void erase_object(const model::Class& cls, const Key& key);  // no-op if it does not
    // Elements of a list: the index must exist.
    void update(Target target, const Scalar& value, std::int64_t prior_size = -1);
    void add_integer(Target target, std::int64_t amount);
    // The last step of `target` is the index to insert at, to move from, to erase.
    void array_insert(Target target, const Scalar& value, std::int64_t prior_size = -1);
    void array_move(Target target, std::uint32_t to, std::int64_t prior_size = -1);
    void array_erase(Target target, std::int64_t prior_size = -1);
    void clear(Target target, Collection collection);
    void set_insert(Target target, const Scalar& value);
    void set_erase(Target target, const Scalar& value);
    // The property's value with pending changes, hidden links included; null pointer if there is
    // no such object. Valid until the next call.
    const model::Value* peek(const model::Class& cls, const Key& key, std::size_t property);
    // With pending changes. What peek() gave stays valid.
    bool exists(const model::Class& cls, const Key& key);

  private:
    // A value inside a loaded property, with the property that declares it. `whole`: the value of
    // the property itself; otherwise an element of it.
    struct Node {
        model::Value* value;
        const model::Property* property;
        bool whole;
    };

    // apply.cpp. What they throw names the operation and place of `target`.
    [[noreturn]] static void fail(const Target& target, const std::string& what);
    static void check_key(const Target& target, const model::Class& cls, const Key& key);
    static void check_depth(const Target& target);
    static void check_property(const Target& target);
    static void check_prior_size(const Target& target, const model::List& list,
                                 std::int64_t prior_size);
    void check_value(const Target& target, const model::Property& property,
                     const Scalar& value) const;
    CachedObject& object(const Target& target);
    Cell& load(const Target& target, CachedObject& object);
    model::Value new_embedded(const model::Property& property) const;
    void assign(const Target& target, model::Value& place, const model::Property& property,
                const Scalar& value) const;
    Node descend(const Target& target, const Node& place, const changeset::Step& step) const;
    Node descend_to(const Target& target, std::size_t keep);
    model::List& list_of_last_step(const Target& target, const model::Property*& element);
    model::Set& set_of_path(const Target& target, const Scalar& value,
                            const model::Property*& element);
    void update_key(const Target& target, model::Dictionary& dictionary,
                    const model::Property& property, const Scalar& value) const;
    void spend_on_shift(const model::Sequence<model::Value>& items);
    void change_set(const Target& target, const Scalar& scalar, bool insert);
    void flush_objects();
    // apply_changeset.cpp
    void finish_schema();
    void change_schema(const changeset::Changeset& changeset, const changeset::Instruction& i);
    void erase_property(std::string_view cls, std::string_view property);
    void purge_embedded(const model::Schema& old, std::string_view cls);

    Tables& tables_;
    std::int64_t partition_;
    Work unlimited_; // for whoever is trusted with what he costs
    Work& work_;
    ObjectCache cache_;
    model::SchemaPtr schema_;
    CachedObject* last_object_ = nullptr; // the object addressed last
    model::Value peeked_;
};

} // namespace realmsync::tables
