#include "query/evaluation/sizes.hpp"

#include <functional>

#include "query/evaluation/route.hpp"

namespace realmsync::query {

namespace {

std::int64_t count_sources(const model::Class& cls, std::size_t property, const Image& object,
                           Run& run) {
    std::int64_t count = 0;
    auto visit = [&](const Image&) {
        run.spend(Run::kLink);
        ++count;
        return true;
    };
    run.sources(cls, property, object, std::ref(visit));
    return count;
}

} // namespace

ValueView size_of(const ValueView& value) {
    if (!value.is_container())
        return length_of(value);
    const model::Value& container = value.container();
    std::size_t size = 0;
    if (const model::List* list = container.list())
        size = list->items.size();
    else if (const model::Set* set = container.set())
        size = set->items.size();
    else if (const model::Dictionary* dictionary = container.dictionary())
        size = dictionary->items.size();
    else
        return {};
    return ValueView(static_cast<std::int64_t>(size));
}

ValueView length_of(const ValueView& value) {
    return value.is_text() ? ValueView(static_cast<std::int64_t>(value.bytes().size()))
                           : ValueView();
}

std::int64_t count_members(const Hop& hop, const Image& object, Run& run, bool counts_dangling) {
    if (hop.backward)
        return count_sources(*hop.cls, hop.property, object, run);
    std::int64_t count = 0;
    each_member(value_of(object, hop.property), {}, [&](const model::Value& value) {
        run.spend(1);
        const model::Link* link = value.link();
        const bool is_there =
            link != nullptr
                ? counts_dangling || run.target(*hop.target, link->key.view()) != nullptr
                : value.embedded() != nullptr;
        count += is_there ? 1 : 0;
        return true;
    });
    return count;
}

std::int64_t count_backlinks(const model::Schema& schema, const Image& object, Run& run) {
    if (object.cls->embedded()) // nothing but what holds it can link to it
        return 1;
    std::int64_t count = 0;
    for (const auto& named : schema.classes) {
        const model::Class& cls = *named.second;
        for (std::size_t i = 0; i < cls.properties.size(); ++i) {
            const model::Property& property = cls.properties[i];
            const bool may_link = property.type == kMixed ||
                                  (property.is_link() && property.target == object.cls->name);
            if (may_link)
                count += count_sources(cls, i, object, run);
        }
    }
    return count;
}

} // namespace realmsync::query
