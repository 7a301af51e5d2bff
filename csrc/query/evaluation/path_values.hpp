// The values of a path for one object (query-language.md sections 7, 9, 11.3, 11.4 and 22).
#pragma once

#include <cstdint>

#include "query/evaluation/elements.hpp"
#include "query/evaluation/route.hpp"
#include "query/evaluation/run.hpp"
#include "query/evaluation/values.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

// Whether values of an object that is reached in several ways come for each of them, or once. To
// quantifiers it is the same.
enum class Repeats : std::uint8_t { kept, dropped };

class PathValues {
  public:
    // The path and the schema have to live as long.
    PathValues(const Path& path, const model::Schema& schema, Repeats repeats = Repeats::dropped);

    const Path& path() const { return path_; }
    bool is_column() const { return is_column_; }

    // In groups. Borrowed from the images, as long as the graph keeps them.
    void gather(const Image& object, Run& run, Values& out) const;
    // Of a path with one value at most: whether there is one. Allocates nothing.
    bool single(const Image& object, Run& run, ValueView& out) const;

    // The same, one by one: `end_group` is called after the last value of each group.
    using Visit = Callable<void(const ValueView&)>;
    void each(const Image& object, Run& run, Visit visit, Callable<void()> end_group) const;

  private:
    void each_of_end(const Image& end, Run& run, Visit visit) const;
    void each_stored(const Image& end, Run& run, Visit visit) const;
    void each_member_link(const Image& end, Run& run, Visit visit) const;
    void each_size(const Image& end, Run& run, Visit visit) const;
    void each_missing(Visit visit) const;
    ValueView aggregate(const Image& object, Run& run) const;

    bool is_of_objects() const { return path_.end_kind == Path::End::object; }
    bool is_aggregate() const { return path_.ending >= Ending::min; }
    bool is_collection() const {
        return path_.end_kind == Path::End::property &&
               path_.definition().collection != Collection::single;
    }

    // Whether [n] or ['k'] choose among the members.
    bool has_choice() const {
        return is_of_objects() ? !path_.hop_elements.empty() && !path_.hop_elements.back().empty()
                               : !path_.elements.empty();
    }

    const Path& path_;
    const model::Schema& schema_;
    Elements elements_;
    // Where values are links or embedded objects, the hop to them. It is the last one of the path
    // if that ends in objects, else it stands for the property.
    Hop members_;
    bool has_members_ = false;
    Route route_; // to the objects whose property or members the values are
    bool is_column_;
    Repeats repeats_;
    bool is_grouped_; // each object at the end of the route is a group of its own
};

// The bits of @type (11.6) of a value of that type.
std::uint32_t type_mask(Type type);

} // namespace realmsync::query
