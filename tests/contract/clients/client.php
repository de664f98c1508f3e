<?php
// Query a parcel as a customer of the vendor would in PHP: json_encode as it comes, with "\/" and \uXXXX.

[, $url, $customer, $key, $com, $num, $phone, $from, $to] = $argv;

$param = json_encode([
    'com' => $com,
    'num' => $num,
    'phone' => $phone,
    'from' => $from,
    'to' => $to,
    'resultv2' => '4',
    'show' => '0',
    'order' => 'desc',
]);

$form = http_build_query([
    'customer' => $customer,
    'param' => $param,
    'sign' => strtoupper(md5($param . $key . $customer)),
]);

echo file_get_contents($url, false, stream_context_create([
    'http' => [
        'method' => 'POST',
        'header' => 'Content-Type: application/x-www-form-urlencoded',
        'content' => $form,
        'timeout' => 10,
    ],
]));
