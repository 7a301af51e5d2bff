// The inside of an Applier, shared by apply.cpp (what instructions do) and apply_changeset.cpp (how
// they are read out of a changeset). Not for others.
#pragma once

#include <string>
#include <vector>

#include "tables/apply.hpp"
#include "tables/object_cache.hpp"

namespace realmsync::store {

struct Applier::Impl {
    // A value inside a loaded property, with the property that declares it. `whole`: the value of
    // the property itself; otherwise an element of it.
    struct Place {
        Value* value;
        const Property* property;
        bool whole;
    };

    Impl(Tables& tables, std::int64_t partition)
        : tables(tables), partition(partition), cache(tables, partition),
          schema(tables.schema(partition)) {}

    void flush();
    [[noreturn]] void fail(const std::string& what) const;
    void check_key(const Class& cls, const Key& key) const;
    void check_value(const Property& property, const Scalar& value) const;
    void check_depth() const;
    void check_property() const;
    void check_prior_size(const List& list, std::int64_t prior_size) const;

    CachedObject& object(const Class& cls, const Key& key);
    Slot& load(CachedObject& object, std::size_t property);
    Value new_embedded(const Property& property) const;
    void assign(Value& place, const Property& property, const Scalar& value) const;
    Place descend(const Place& place, const changeset::Step& step) const;
    Place walk(std::size_t keep);
    List& list_of_last_step(const Property*& element);
    Set& set_of_path(const Scalar& value, const Property*& element);
    void update_key(Dictionary& dictionary, const Property& property, const changeset::Step& step,
                    const Scalar& value) const;

    // The instructions, on `target`. prior_size -1: not given.
    void create(const Class& cls, const Key& key);
    void erase(const Class& cls, const Key& key);
    void update(const Scalar& value, std::int64_t prior_size);
    void add_integer(std::int64_t amount);
    void array_insert(const Scalar& value, std::int64_t prior_size);
    void array_move(std::uint32_t to, std::int64_t prior_size);
    void array_erase(std::int64_t prior_size);
    void clear(Collection collection);
    void set_change(const Scalar& value, bool insert);

    void change_schema(const changeset::Changeset& changeset, const changeset::Instruction& i);
    void purge_embedded(const Schema& old, std::string_view cls);

    Tables& tables;
    std::int64_t partition;
    ObjectCache cache;
    SchemaPtr schema;
    CachedObject* scratch_object = nullptr; // the object addressed last
    const char* operation = "";             // for messages
    const Target* target = nullptr;
    Value peeked;
};

} // namespace realmsync::store
