// What the evaluator sees of the world: an object as values in memory, and how to get from it to
// others. Whoever has objects implements Graph: a realm file, a server's history, a test.
#pragma once

#include <cstddef>
#include <functional>

#include "model/schema.hpp"
#include "model/value.hpp"

namespace realmsync::query {

// One object. Borrowed: whoever gives it keeps it until the call that took it returns, or as its
// own contract says. For embedded objects `key` is null.
struct Image {
    const model::Class* cls = nullptr;
    Key key;
    // By property index; what lies behind the end is as in a new object. Links are as stored:
    // dangling ones are there. Only the properties that the query needs (needs.hpp) must be filled.
    const model::Value* values = nullptr;
    std::size_t count = 0;

    const model::Value* find(std::size_t property) const { // null: as in a new object
        return property < count ? values + property : nullptr;
    }
};

class Graph {
  public:
    virtual ~Graph() = default;
    // The object that a link names; null when it does not exist (a dangling link). Valid until the
    // evaluation of the outermost object ends.
    virtual const Image* target(const model::Class& cls, const Key& key) = 0;
    // Calls `visit` for every link with property `property` of class `cls` to the object: a source
    // that links twice is visited twice. Single links, lists, sets and dictionaries of links; for
    // a property that is a Mixed or a collection of them, links that it holds at any depth (for
    // @links.@count). `cls` may be an embedded class: its objects are visited as images without a
    // key. Stops when `visit` gives false. The images live as long as those of target().
    virtual void sources(const model::Class& cls, std::size_t property, const Image& to,
                         const std::function<bool(const Image&)>& visit) = 0;
};

} // namespace realmsync::query
