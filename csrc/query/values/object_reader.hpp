// Objects by their keys, one by one, without what they link to: what is asked about objects alone.
#pragma once

#include "query/values/image.hpp"

namespace realmsync::query {

class ObjectReader {
  public:
    virtual ~ObjectReader() = default;
    // Null where there is no such object. Valid until the next call. Quick where the keys that are
    // asked for of a class come ascending.
    virtual const Image* find(const model::Class& cls, const Key& key) = 0;
};

} // namespace realmsync::query
