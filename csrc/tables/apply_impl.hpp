// The inside of an Applier, shared by apply.cpp (what instructions do) and apply_changeset.cpp (how
// they are read out of a changeset). Not for others.
#pragma once

#include <string>
#include <vector>

#include "tables/apply.hpp"
#include "tables/object_cache.hpp"

namespace realmsync::tables {

struct Applier::Impl {
    // A value inside a loaded property, with the property that declares it. `whole`: the value of
    // the property itself; otherwise an element of it.
    struct Node {
        model::Value* value;
        const model::Property* property;
        bool whole;
    };

    Impl(Tables& tables, std::int64_t partition)
        : tables(tables), partition(partition), cache(tables, partition),
          schema(tables.schema(partition)) {}

    void flush();
    [[noreturn]] void fail(const std::string& what) const;
    void check_key(const model::Class& cls, const Key& key) const;
    void check_value(const model::Property& property, const Scalar& value) const;
    void check_depth() const;
    void check_property() const;
    void check_prior_size(const model::List& list, std::int64_t prior_size) const;

    CachedObject& object(const model::Class& cls, const Key& key);
    Slot& load(CachedObject& object, std::size_t property);
    model::Value new_embedded(const model::Property& property) const;
    void assign(model::Value& place, const model::Property& property, const Scalar& value) const;
    Node descend(const Node& place, const changeset::Step& step) const;
    Node descend_to(std::size_t keep);
    model::List& list_of_last_step(const model::Property*& element);
    model::Set& set_of_path(const Scalar& value, const model::Property*& element);
    void update_key(model::Dictionary& dictionary, const model::Property& property,
                    const changeset::Step& step, const Scalar& value) const;

    // The instructions, on `target`. prior_size -1: not given.
    void create(const model::Class& cls, const Key& key);
    void erase(const model::Class& cls, const Key& key);
    void update(const Scalar& value, std::int64_t prior_size);
    void add_integer(std::int64_t amount);
    void array_insert(const Scalar& value, std::int64_t prior_size);
    void array_move(std::uint32_t to, std::int64_t prior_size);
    void array_erase(std::int64_t prior_size);
    void clear(Collection collection);
    void set_change(const Scalar& value, bool insert);

    void change_schema(const changeset::Changeset& changeset, const changeset::Instruction& i);
    void purge_embedded(const model::Schema& old, std::string_view cls);

    Tables& tables;
    std::int64_t partition;
    ObjectCache cache;
    model::SchemaPtr schema;
    CachedObject* scratch_object = nullptr; // the object addressed last
    const char* operation = "";             // for messages
    const Target* target = nullptr;
    model::Value peeked;
};

} // namespace realmsync::tables
